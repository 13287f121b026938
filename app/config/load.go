package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Fault is one thing wrong with the settings.
type Fault struct {
	Where   string // "chatalot.toml line 3" or "--listen"
	Key     string // empty when the file is no TOML at all
	Message string
}

// Faults is everything wrong with the settings, in the order it was found.
type Faults []Fault

// Error tells each fault on a line of its own.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = strings.TrimPrefix(one.Where+": ", ": ") + strings.TrimPrefix(one.Key+": ", ": ") + one.Message
	}
	return strings.Join(lines, "\n")
}

// Load reads the file at path (none when empty) over the defaults and lays set over both: values of the command line by key.
// The error is always Faults: all there is to mend.
func Load(path string, set map[string]string) (Config, error) {
	text, err := read(path)
	if err != nil {
		return Config{}, err
	}
	return parse(path, text, set)
}

func read(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if fault, ok := errors.AsType[*fs.PathError](err); ok {
		err = fault.Err // the path stands before it already
	}
	if err != nil {
		return "", Faults{{path, "", fmt.Sprintf("cannot be read: %v", err)}}
	}
	return string(text), nil
}

func parse(path, text string, set map[string]string) (Config, error) {
	c := Default()
	values := map[string]toml.Primitive{}
	md, err := toml.Decode(text, &values)
	if err != nil {
		return c, Faults{syntaxFault(path, err)}
	}
	where, faults := c.take(path, md, values)
	for _, key := range slices.Sorted(maps.Keys(set)) {
		value := set[key]
		if value == "" {
			faults = append(faults, Fault{"--" + key, "", "is empty"})
			continue
		}
		*c.field(key).value.(*string) = value
		where[key] = "--" + key
	}
	faults = append(faults, c.check(where)...)
	if len(faults) > 0 {
		return c, faults
	}
	return c, nil
}

// take fills c from the file and remembers where each key stood.
func (c *Config) take(path string, md toml.MetaData, values map[string]toml.Primitive) (where map[string]string, faults Faults) {
	where = map[string]string{}
	for _, key := range md.Keys() {
		if len(key) != 1 {
			continue // inside a table, which is told of once
		}
		name := key[0]
		where[name] = fmt.Sprintf("%s line %d", path, lineOf(md, values[name]))
		f := c.field(name)
		if f == nil {
			faults = append(faults, Fault{where[name], name, "there is no such key; config.example.toml lists them all"})
		} else if err := md.PrimitiveDecode(values[name], f.value); err != nil {
			faults = append(faults, Fault{where[name], name, "must be " + kindOf(f.value)})
			delete(where, name)
			c.reset(name)
		}
	}
	return where, faults
}

func (c *Config) check(where map[string]string) (faults Faults) {
	for _, f := range c.fields() {
		if message := f.check(); message != "" {
			faults = append(faults, Fault{where[f.key], f.key, message})
		}
	}
	return faults
}

func (c *Config) field(key string) *field {
	all := c.fields()
	i := slices.IndexFunc(all, func(f field) bool { return f.key == key })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// reset puts a key of the wrong type back to its default, so that it is told of once.
func (c *Config) reset(key string) {
	d := Default()
	switch to := c.field(key).value.(type) {
	case *string:
		*to = *d.field(key).value.(*string)
	case *[]string:
		*to = *d.field(key).value.(*[]string)
	case *int:
		*to = *d.field(key).value.(*int)
	}
}

func kindOf(value any) string {
	switch value.(type) {
	case *[]string:
		return `a list of texts, for example ["127.0.0.0/8"]`
	case *int:
		return "a whole number"
	}
	return "a text in quotes"
}

func syntaxFault(path string, err error) Fault {
	if pe, ok := errors.AsType[toml.ParseError](err); ok {
		return Fault{fmt.Sprintf("%s line %d", path, pe.Position.Line), "", pe.Message}
	}
	return Fault{path, "", err.Error()}
}

// probe refuses every value: the only way to learn from the parser which line one stands on.
type probe struct{}

func (*probe) UnmarshalTOML(any) error { return errors.New("probe") }

func lineOf(md toml.MetaData, value toml.Primitive) int {
	pe, _ := errors.AsType[toml.ParseError](md.PrimitiveDecode(value, &probe{}))
	return pe.Position.Line
}
