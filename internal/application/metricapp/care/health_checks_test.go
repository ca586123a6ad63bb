package care_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/care"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

type checked struct {
	Healthy bool
	Checks  []struct {
		Name, Status, Message, Mend string
		Took                        *float64 `json:"duration_ms"`
	}
}

func look(t *testing.T, policy access.Policy, probes ...care.Probe) (checked, string) {
	t.Helper()
	tl := care.HealthChecks(probes, policy, time.Now)
	b, err := bind(t, tl, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	var c checked
	r, err := run(t, tl, b, t.Context(), &c)
	if err != nil {
		t.Fatal(err)
	}
	return c, r.Text
}

func found(f ...care.Finding) care.Probe {
	return care.Probe{Name: "engine", Look: func(context.Context) []care.Finding { return f }}
}

var errDisk = fault.New(fault.Unavailable, "audit.unavailable", "Nothing can be recorded.")

var probes = []care.Probe{
	found(
		care.Finding{Name: "interpreter", Status: care.OK, Text: "Python 3.11"},
		care.Finding{Name: "adapter", Status: care.Warning, Text: "It is old.", Mend: "install a newer one"},
		care.Finding{Name: "project", Status: care.Failed, Text: "dbt says: metric gross_margin\nis wrong.", Mend: "mend it"},
		care.Finding{Name: "warehouse", Status: care.Skipped},
	),
	care.Asked("audit", func(context.Context) error { return errDisk.Because(errors.New("/var/secret")) }),
	care.Asked("state", func(context.Context) error { return errors.New("open /var/secret: denied") }),
	care.Asked("clock", func(context.Context) error { return nil }),
}

func lines(c checked) []string {
	var all []string
	for _, one := range c.Checks {
		all = append(all, strings.Join([]string{one.Status, one.Name, one.Message, one.Mend}, "|"))
	}
	return all
}

func TestHealthChecks_TellWhatEachProbeFound(t *testing.T) {
	got, text := look(t, allowed(t, []access.Rule{rule("project.inspect", "project:dbt")}, nil), probes...)
	if diff := cmp.Diff([]string{
		"ok|interpreter|Python 3.11|", "warning|adapter|It is old.|install a newer one", "failed|project|dbt says: metric gross_margin\nis wrong.|mend it",
		"skipped|warehouse|There was nothing to look at.|", "failed|audit|Nothing can be recorded.|",
		"failed|state|It does not work; the operator's log says why.|", "ok|clock|It works.|",
	}, lines(got)); diff != "" || got.Healthy {
		t.Errorf("%v %s", got.Healthy, diff)
	}
	for _, c := range got.Checks {
		if c.Took == nil {
			t.Errorf("%s has no duration", c.Name)
		}
	}
	for _, part := range []string{
		"Something that answers depend on does not work.\n", "- failed project: dbt says: metric gross_margin is wrong. To do: mend it\n", "- ok clock: It works.\n",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the text lacks %q:\n%s", part, text)
		}
	}
	if strings.Contains(text, "/var") {
		t.Errorf("the text tells a path:\n%s", text)
	}
}

func TestHealthChecks_KeepTheirWordsFromWhoMayNotInspect(t *testing.T) {
	got, text := look(t, allowed(t, []access.Rule{seesAll}, nil), probes...)
	if diff := cmp.Diff([]string{
		"ok|interpreter|It works.|", "warning|adapter|It works, but needs attention.|whoever runs Steward sees why with `steward doctor`",
		"failed|project|It does not work.|whoever runs Steward sees why with `steward doctor`", "skipped|warehouse|There was nothing to look at.|",
		"failed|audit|It does not work.|whoever runs Steward sees why with `steward doctor`",
		"failed|state|It does not work.|whoever runs Steward sees why with `steward doctor`", "ok|clock|It works.|",
	}, lines(got)); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(text, "gross_margin") || strings.Contains(text, "Python") {
		t.Errorf("the text is\n%s", text)
	}
}

func TestHealthChecks_AreHealthyWhenNothingFailed(t *testing.T) {
	got, text := look(t, allowed(t, nil, nil), found(care.Finding{Name: "a", Status: care.Warning}, care.Finding{Name: "b", Status: care.Skipped}))
	if !got.Healthy || !strings.HasPrefix(text, "Everything that answers depend on works.") {
		t.Errorf("%+v\n%s", got, text)
	}
	if got, _ := look(t, allowed(t, nil, nil)); !got.Healthy || got.Checks == nil {
		t.Errorf("%+v", got)
	}
}

func TestHealthChecks_LookAtAllAtOnceAndSurviveAPanic(t *testing.T) {
	meet := make(chan struct{})
	one := care.Probe{Name: "one", Look: func(ctx context.Context) []care.Finding {
		select {
		case meet <- struct{}{}:
		case <-ctx.Done():
		}
		return nil
	}}
	other := care.Probe{Name: "other", Look: func(context.Context) []care.Finding { <-meet; panic("/etc/secret") }}
	got, _ := look(t, allowed(t, []access.Rule{rule("*", "*")}, nil), one, other)
	if diff := cmp.Diff([]string{"skipped|one|There was nothing to look at.|", "failed|other|Steward failed to look at it: a bug.|"}, lines(got)); diff != "" {
		t.Error(diff)
	}
}

func TestHealthChecks_GiveProbesADeadlineAndTheCallersLeave(t *testing.T) {
	tl := care.HealthChecks([]care.Probe{care.Asked("slow", func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the probe has no deadline")
		}
		<-ctx.Done()
		return ctx.Err()
	})}, allowed(t, nil, nil), time.Now)
	b, err := bind(t, tl, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var c checked
	if _, err := run(t, tl, b, ctx, &c); err != nil || c.Healthy {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestHealthChecks_TakeNoArguments(t *testing.T) {
	tl := care.HealthChecks(nil, allowed(t, nil, nil), time.Now)
	for _, args := range []string{`{"all": true}`, `null`} {
		if _, err := tl.Bind(t.Context(), ann, []byte(args)); !errors.Is(err, metricapp.ErrArguments) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
