package chartview_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/application/metricapp/chartview"
	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

func TestHTML_IsOneDocumentOfItsOwn(t *testing.T) {
	t.Parallel()
	page := chartview.HTML()
	if !bytes.HasPrefix(page, []byte("<!doctype html>")) || bytes.Count(page, []byte("<script>")) != 1 {
		t.Errorf("the page begins with %.60q and has %d scripts", page, bytes.Count(page, []byte("<script>")))
	}
	// The only address is the name of SVG's vocabulary.
	addresses := regexp.MustCompile(`https?:[^"'\s)]*|url\([^)]*\)`).FindAllString(string(page), -1)
	if !slices.Equal(addresses, []string{"http://www.w3.org/2000/svg"}) {
		t.Errorf("the page refers to %q", addresses)
	}
	if !strings.HasPrefix(chartview.URI, "ui://") || chartview.MIME != "text/html;profile=mcp-app" {
		t.Errorf("%s is %s", chartview.URI, chartview.MIME)
	}
}

func TestHTML_IsACopyForEachCaller(t *testing.T) {
	t.Parallel()
	first := chartview.HTML()
	first[0] = 'X'
	if chartview.HTML()[0] == 'X' {
		t.Error("one caller changes the page of another")
	}
}

func TestHTML_HasTheColoursOfThePicture(t *testing.T) {
	t.Parallel()
	page := strings.ToUpper(string(chartview.HTML()))
	for i, colour := range chart.Palette() {
		if !strings.Contains(page, strings.ToUpper("--c")+string(rune('0'+i))+": LIGHT-DARK("+colour) {
			t.Errorf("colour %d is not %s", i, colour)
		}
	}
}
