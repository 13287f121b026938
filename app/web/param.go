package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"

	"chatalot/app/wire"
)

// id reads an id from the address. One that is no id names nothing: 404.
func id[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](r *http.Request, name string) (value T, err error) {
	if P(&value).UnmarshalText([]byte(chi.URLParam(r, name))) != nil {
		return value, wire.Missing()
	}
	return value, nil
}

// query reads the parameters after the question mark, each at most once and none but those named.
func query(r *http.Request, names ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, wire.Fail(wire.BadRequest, "What follows the question mark in the address cannot be read.")
	}
	for name, given := range values {
		if !slices.Contains(names, name) {
			return nil, wrong(name, "is not known here")
		}
		if len(given) > 1 {
			return nil, wrong(name, "is there twice")
		}
	}
	return values, nil
}

// number reads a whole number from least to most, or otherwise when it is not there.
func number(values url.Values, name string, otherwise, least, most int64) (int64, error) {
	if !values.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(values.Get(name), 10, 64)
	if err != nil || n < least || n > most {
		return 0, wrong(name, fmt.Sprintf("must be a whole number from %d to %d", least, most))
	}
	return n, nil
}
