package strict

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Encode is the reverse of Decode: indented JSON with a final line feed, members in the order of the structs'
// fields, extensions after them and the members of maps sorted by name. The same value gives the same bytes.
func Encode(v any) ([]byte, error) {
	compact, err := appendJSON(nil, reflect.ValueOf(v))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func appendJSON(dst []byte, v reflect.Value) ([]byte, error) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return appendString(dst, x.Format(time.RFC3339)), nil
	case List:
		return appendList(dst, x), nil
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return nil, err
		}
		return appendString(dst, string(text)), nil
	}
	var err error
	switch v.Kind() {
	case reflect.Struct:
		return appendStruct(dst, v)
	case reflect.Map:
		dst = append(dst, '{')
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, k.String()), ':')
			if dst, err = appendJSON(dst, v.MapIndex(k)); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case reflect.Slice:
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendJSON(dst, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case reflect.String:
		return appendString(dst, v.String()), nil
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Append(dst, v.Interface()), nil
	}
	return nil, fmt.Errorf("strict: cannot encode %s", v.Type())
}

func appendStruct(dst []byte, v reflect.Value) ([]byte, error) {
	dst = append(dst, '{')
	more := false
	member := func(name string) {
		if more {
			dst = append(dst, ',')
		}
		more = true
		dst = append(appendString(dst, name), ':')
	}
	var extensions Extensions
	var err error
	for i := range v.NumField() {
		f, x := v.Type().Field(i), v.Field(i)
		if !f.IsExported() {
			continue
		}
		if e, ok := x.Interface().(Extensions); ok {
			extensions = e
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || options == "omitzero" && x.IsZero() || options == "omitempty" && isEmpty(x) {
			continue
		}
		member(name)
		if dst, err = appendJSON(dst, x); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(extensions)) {
		member(name)
		dst = append(dst, extensions[name]...)
	}
	return append(dst, '}'), nil
}

// isEmpty is omitempty's idea of it.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	}
	return v.Kind() != reflect.Struct && v.IsZero()
}

func appendList(dst []byte, l List) []byte {
	if l.Single && len(l.Items) == 1 {
		return appendString(dst, l.Items[0].Text)
	}
	dst = append(dst, '[')
	for i, item := range l.Items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, item.Text)
	}
	return append(dst, ']')
}

func appendString(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	// Encoding a string cannot fail.
	_ = e.Encode(s)
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
