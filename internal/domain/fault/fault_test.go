package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

var errClosed = fault.New(fault.Precondition, "thing.closed", "The thing is closed; open another.")

func TestFault_IsMatchedByCodeHoweverSpecialised(t *testing.T) {
	got := fmt.Errorf("asking: %w", errClosed.Because(errors.New("disk")).Saying("no").Suggesting("a").After(time.Second))
	if !errors.Is(got, errClosed) {
		t.Errorf("%v does not match its declaration", got)
	}
	if errors.Is(got, fault.ErrInternal) {
		t.Errorf("%v matches another code", got)
	}
}

func TestFault_NeverShowsItsCause(t *testing.T) {
	f := errClosed.Because(errors.New("secret-path"))
	if strings.Contains(f.Error(), "secret-path") {
		t.Errorf("the public face shows the cause: %q", f.Error())
	}
	if f.Unwrap() == nil {
		t.Error("the cause is lost")
	}
}

func TestFault_SpecialisingLeavesTheDeclarationAlone(t *testing.T) {
	_ = errClosed.Saying("other").Suggesting("x").After(time.Minute)
	if errClosed.Message != "The thing is closed; open another." || errClosed.Suggestions != nil || errClosed.RetryAfter != 0 {
		t.Errorf("the declaration changed: %+v", errClosed)
	}
}

func TestFrom_TranslatesEveryError(t *testing.T) {
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{errClosed, fault.Precondition},
		{fmt.Errorf("step: %w", errClosed), fault.Precondition},
		{context.Canceled, fault.Canceled},
		{fmt.Errorf("step: %w", context.DeadlineExceeded), fault.Timeout},
		{errors.New("anything"), fault.Internal},
	} {
		if got := fault.From(c.err); got.Kind != c.want {
			t.Errorf("From(%v) is %v, want %v", c.err, got.Kind, c.want)
		}
	}
	if fault.From(nil) != nil {
		t.Error("From(nil) is something")
	}
}

func TestKinds_AreAllNamed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range fault.Kinds() {
		if name := k.String(); name == "" || name == "unknown" || seen[name] {
			t.Errorf("kind %d has no name of its own: %q", k, name)
		} else {
			seen[name] = true
		}
	}
}
