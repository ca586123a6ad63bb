package config

import "reflect"

// Changes names the keys in which two configurations differ, in the order of Config. Of what operators name themselves, personas
// and issuers, the key is that of them all.
func Changes(a, b Config) []string { return changes(reflect.ValueOf(a), reflect.ValueOf(b), "") }

func changes(a, b reflect.Value, path string) []string {
	var keys []string
	for i := range a.NumField() {
		at := join(path, yamlName(a.Type().Field(i)))
		was, is := a.Field(i), b.Field(i)
		if secret, ok := reflect.TypeAssert[Secret](was); ok {
			other, _ := reflect.TypeAssert[Secret](is)
			if !secret.Equal(other) {
				keys = append(keys, at)
			}
			continue
		}
		switch {
		case was.Kind() == reflect.Struct:
			keys = append(keys, changes(was, is, at)...)
		case !reflect.DeepEqual(was.Interface(), is.Interface()):
			keys = append(keys, at)
		}
	}
	return keys
}
