package web

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"chatalot/app/wire"
)

const (
	maxBody = 1 << 20  // every JSON body; nothing larger is taken anywhere
	maxForm = 16 << 10 // a body from somebody who is not signed in
	maxList = 1000     // entries of any list: a body of nothing else would keep a small machine busy for seconds
	// A body must keep coming at bodyChunk per bodyWindow, or the connection is cut: slow bodies hold memory (SECURITY.md T22).
	bodyChunk  = 64 << 10
	bodyWindow = 5 * time.Second
)

// decode reads the request's body as exactly one JSON value shaped like T. What is wrong with it comes back as a wire.Error.
func decode[T any](w http.ResponseWriter, r *http.Request) (value T, err error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || media != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return value, wire.Fail(wire.UnsupportedMediaType, "Send the body with Content-Type: application/json.")
	}
	body, err := readBody(w, r)
	if err != nil {
		return value, err
	}
	return value, unmarshal(body, &value)
}

// kept is a body that has come in whole.
type kept struct {
	*bytes.Reader
	all []byte
}

func (kept) Close() error { return nil }

// whole waits for the body, within the bounds of readBody, and returns it to be read from memory.
func whole(w http.ResponseWriter, r *http.Request) (io.ReadCloser, error) {
	body, err := readBody(w, r)
	return kept{bytes.NewReader(body), body}, err
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if body, ok := r.Body.(kept); ok {
		return body.all, nil
	}
	control := http.NewResponseController(w)
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	var body bytes.Buffer
	for {
		if err := control.SetReadDeadline(time.Now().Add(bodyWindow)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return nil, fmt.Errorf("read the body: %w", err)
		}
		_, err := io.CopyN(&body, limited, bodyChunk)
		if err == nil {
			continue
		}
		if err == io.EOF {
			break
		}
		return nil, bodyError(err) // the deadline stays: whatever else comes slowly is cut off too
	}
	if err := control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return body.Bytes(), nil
}

func bodyError(err error) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(large.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return wire.Fail(wire.BadRequest, "The body came too slowly. Try again on a better connection.")
	}
	return wire.Fail(wire.BadRequest, "The body ended early. Send it again.")
}

func tooLarge(most int64) error {
	return wire.Fail(wire.TooLarge, fmt.Sprintf("That is more than %d KiB at once. Send less.", most>>10))
}

// unmarshal fills target, a pointer to a struct of package wire, from exactly one JSON value. Unlike encoding/json it refuses what parsers read
// differently: duplicate and differently cased names, unknown names, null, U+0000, invalid UTF-8, half surrogates and trailing data
// (SECURITY.md T24). Fields without omitempty must be there. Depth is bounded by the target's type.
func unmarshal(body []byte, target any) error {
	if !utf8.Valid(body) || halfSurrogate(body) {
		return wire.Fail(wire.BadRequest, "The body is not valid UTF-8. Send Unicode text.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := fill(d, reflect.ValueOf(target).Elem(), ""); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return wire.Fail(wire.BadRequest, "The body goes on after its end. Send one JSON value.")
	}
	return nil
}

// halfSurrogate finds a \uD800–\uDFFF escape without its other half, which encoding/json silently replaces.
func halfSurrogate(body []byte) bool {
	unit := func(i int) (rune, bool) {
		if i+6 > len(body) || body[i] != '\\' || body[i+1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(body[i+2:i+6]), 16, 16)
		return rune(n), err == nil
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		high, ok := unit(i)
		switch {
		case !ok:
			i++ // a two-character escape, or a fault the parser tells of
		case high < 0xD800 || high > 0xDFFF:
			i += 5
		default:
			low, ok := unit(i + 6)
			if high > 0xDBFF || !ok || low < 0xDC00 || low > 0xDFFF {
				return true
			}
			i += 11
		}
	}
	return false
}

// fill reads the next value into v; path names v in errors, empty for the whole body.
func fill(d *json.Decoder, v reflect.Value, path string) error {
	token, err := d.Token()
	if err != nil {
		return wire.Fail(wire.BadRequest, fmt.Sprintf("The body is not valid JSON (near byte %d).", d.InputOffset()))
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return fillText(token, text, path)
	}
	switch v.Kind() {
	case reflect.Struct:
		return fillStruct(d, token, v, path)
	case reflect.Slice:
		return fillSlice(d, token, v, path)
	default:
		return fillScalar(token, v, path)
	}
}

func fillText(token json.Token, v encoding.TextUnmarshaler, path string) error {
	s, ok := token.(string)
	if !ok {
		return wrong(path, "must be a text")
	}
	if err := v.UnmarshalText([]byte(s)); err != nil {
		return wrong(path, err.Error())
	}
	return nil
}

func fillStruct(d *json.Decoder, token json.Token, v reflect.Value, path string) error {
	if token != json.Delim('{') {
		return wrong(path, "must be an object")
	}
	seen := make([]bool, v.NumField())
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return wire.Fail(wire.BadRequest, fmt.Sprintf("The body is not valid JSON (near byte %d).", d.InputOffset()))
		}
		i := fieldNamed(v.Type(), name)
		if i < 0 {
			return wrong(join(path, name), "is not known here")
		}
		if seen[i] {
			return wrong(join(path, name), "is there twice")
		}
		seen[i] = true
		if err := fill(d, v.Field(i), join(path, name)); err != nil {
			return err
		}
	}
	if err := closing(d); err != nil {
		return err
	}
	return allThere(v.Type(), seen, path)
}

func fillSlice(d *json.Decoder, token json.Token, v reflect.Value, path string) error {
	if token != json.Delim('[') {
		return wrong(path, "must be a list")
	}
	for i := 0; d.More(); i++ {
		if i == maxList {
			return wrong(path, fmt.Sprintf("has more than %d entries", maxList))
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := fill(d, element, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
		v.Set(reflect.Append(v, element))
	}
	return closing(d)
}

func fillScalar(token json.Token, v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.String:
		s, ok := token.(string)
		if !ok {
			return wrong(path, "must be a text")
		}
		if strings.ContainsRune(s, 0) {
			return wrong(path, "must not hold the character U+0000")
		}
		v.SetString(s)
	case reflect.Int, reflect.Int64:
		number, _ := token.(json.Number)
		n, err := strconv.ParseInt(number.String(), 10, v.Type().Bits())
		if err != nil {
			return wrong(path, "must be a whole number")
		}
		v.SetInt(n)
	case reflect.Bool:
		b, ok := token.(bool)
		if !ok {
			return wrong(path, "must be true or false")
		}
		v.SetBool(b)
	default:
		return fmt.Errorf("decode %s: a request cannot hold %s", path, v.Type())
	}
	return nil
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return wire.Fail(wire.BadRequest, fmt.Sprintf("The body is not valid JSON (near byte %d).", d.InputOffset()))
	}
	return nil
}

func fieldNamed(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); tag == name {
			return i
		}
	}
	return -1
}

func allThere(t reflect.Type, seen []bool, path string) error {
	for i := range seen {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if !seen[i] && options != "omitempty" {
			return wrong(join(path, name), "is missing")
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// wrong names the input at fault. The name is the client's own word when it is unknown, so it is cut short.
func wrong(path, what string) error {
	if path == "" {
		return wire.Fail(wire.BadRequest, "The body "+what+".")
	}
	if len(path) > 64 {
		path = strings.ToValidUTF8(path[:64], "") + "…"
	}
	return wire.FailField(path, fmt.Sprintf("%s %s.", path, what))
}
