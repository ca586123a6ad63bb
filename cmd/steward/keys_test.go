package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAttributes_KeepsEveryValueOfAName(t *testing.T) {
	t.Parallel()
	got, err := parseAttributes([]string{"regions=EU", "team=sales", "regions=US", "query=a=b", "list=x,y", "empty="})
	want := map[string][]string{"regions": {"EU", "US"}, "team": {"sales"}, "query": {"a=b"}, "list": {"x,y"}, "empty": {""}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := parseAttributes(nil); err != nil || len(got) > 0 {
		t.Errorf("of none: %v, %v", got, err)
	}
	for _, pair := range []string{"regions", "=EU", "=", ""} {
		if got, err := parseAttributes([]string{pair}); err == nil {
			t.Errorf("%q is an attribute: %v", pair, got)
		}
	}
}
