package paging_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/presentation/paging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func itself(name string) string { return name }

// Items that come and go between pages are seen or not; all others are seen once.
func TestCut_LosesAndDoublesNothingThatStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringN(1, 5, -1), itself)
		stay := names.Draw(t, "stay")
		size := rapid.IntRange(1, 5).Draw(t, "size")
		var got []string
		for cursor, first := "", true; first || cursor != ""; first = false {
			all := append(slices.Clone(stay), names.Draw(t, "passing")...)
			slices.Sort(all)
			page, next, ok := paging.Cut("l", slices.Compact(all), cursor, size, itself)
			if !ok || len(page) > size || next != "" && len(page) != size {
				t.Fatalf("%q, %q, %t", page, next, ok)
			}
			got, cursor = append(got, page...), next
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("out of order or doubled: %q", got)
		}
		got = slices.DeleteFunc(got, func(name string) bool { return !slices.Contains(stay, name) })
		slices.Sort(stay)
		if diff := cmp.Diff(stay, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-stay +got):\n%s", diff)
		}
	})
}

func FuzzCut(f *testing.F) {
	f.Add("")
	f.Add("bCBi")
	f.Fuzz(func(t *testing.T, cursor string) {
		all := []string{"a", "b", "c"}
		page, next, ok := paging.Cut("l", all, cursor, 2, itself)
		if !ok && (page != nil || next != "") || ok && len(page) > 2 {
			t.Errorf("%q: %q, %q, %t", cursor, page, next, ok)
		}
	})
}
