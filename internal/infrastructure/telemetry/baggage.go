package telemetry

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
)

// permittedBaggage reads and writes W3C baggage, of which it knows only the keys that are permitted: what a client
// may put into the context of a request is the operator's to say.
type permittedBaggage struct {
	keys []string
	w3c  propagation.Baggage
}

// Inject writes the permitted members.
func (p permittedBaggage) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	p.w3c.Inject(baggage.ContextWithBaggage(ctx, p.permitted(baggage.FromContext(ctx))), carrier)
}

// Extract reads the permitted members; the others are as if they had not been sent.
func (p permittedBaggage) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	if len(p.keys) == 0 {
		return ctx
	}
	ctx = p.w3c.Extract(ctx, carrier)
	return baggage.ContextWithBaggage(ctx, p.permitted(baggage.FromContext(ctx)))
}

// Fields are the header names that Inject may set.
func (p permittedBaggage) Fields() []string { return p.w3c.Fields() }

func (p permittedBaggage) permitted(b baggage.Baggage) baggage.Baggage {
	for _, m := range b.Members() {
		if !slices.Contains(p.keys, m.Key()) {
			b = b.DeleteMember(m.Key())
		}
	}
	return b
}
