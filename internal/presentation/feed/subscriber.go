package feed

import (
	"context"
	"encoding/json"
	"strings"
	"sync"

	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
)

// Offer is what there is to see, and who sees it.
type Offer struct {
	Tools   *toolapp.Visible
	Library *toolapp.Library
}

// Lists are the kinds of lists that a client wants to be told of.
type Lists struct {
	Tools, Prompts, Resources bool
}

// Within is what of l there is at all.
func (o Offer) Within(l Lists) Lists {
	return Lists{
		Tools: l.Tools, Prompts: l.Prompts && len(o.Library.Prompts().All()) > 0,
		Resources: l.Resources && o.Library.Resources().Any(),
	}
}

// Subscriber is a client that is told of changes without asking each time. Safe for concurrent use.
type Subscriber struct {
	*Mailbox
	offer Offer
	who   access.Principal
	lists Lists
	tag   json.RawMessage

	mu   sync.Mutex
	seen [3]string // what it sees, as of the last word of it
}

// NewSubscriber makes one that wants to know of lists. tag, if there is one, stands in every message as the id of the
// subscription (revision 2026-07-28). What who may see is decided anew for each message, by the policy of that moment.
func NewSubscriber(o Offer, who access.Principal, lists Lists, tag json.RawMessage) *Subscriber {
	who.Under = nil
	s := &Subscriber{Mailbox: NewMailbox(), offer: o, who: who, lists: o.Within(lists), tag: tag}
	s.seen = s.see(who)
	return s
}

// Lists are those that it is told of.
func (s *Subscriber) Lists() Lists { return s.lists }

// SubscribeTo subscribes to those of the resources that the client could read now, and gives them. Of more than MostURIs only the
// first are looked at: nobody can be subscribed to more, and looking takes time.
func (s *Subscriber) SubscribeTo(ctx context.Context, uris []string) (subscribed []string) {
	for _, uri := range uris[:min(len(uris), MostURIs)] {
		if s.sees(ctx, s.who, uri) && s.Subscribe(uri) {
			subscribed = append(subscribed, uri)
		}
	}
	return subscribed
}

// sees reports whether who could read the resource now.
func (s *Subscriber) sees(ctx context.Context, who access.Principal, uri string) bool {
	return s.offer.Library.Sees(ctx, who, uri)
}

// see is what the lists have for who: tools, prompts, resources.
func (s *Subscriber) see(who access.Principal) [3]string {
	var prompts, resources []string
	for _, p := range s.offer.Library.Prompts().All() {
		if s.offer.Library.MayGet(who, p.Name) {
			prompts = append(prompts, p.Name)
		}
	}
	for _, r := range s.offer.Library.Resources().All() {
		if s.offer.Library.MayRead(who, r.URI) {
			resources = append(resources, r.URI)
		}
	}
	for _, t := range s.offer.Library.Resources().Templates() {
		if s.offer.Library.MayRead(who, t.URI) {
			resources = append(resources, t.URI)
		}
	}
	return [3]string{strings.Join(s.offer.Tools.Names(who), " "), strings.Join(prompts, " "), strings.Join(resources, " ")}
}

// words are the notifications that hints come to for who: none of what the client did not ask for, or who cannot see.
func (s *Subscriber) words(ctx context.Context, who access.Principal, hints []Hint) (lines [][]byte) {
	var changed [3]bool
	for _, h := range hints {
		switch h.Kind {
		case Tools, Prompts, Resources:
			changed[h.Kind-Tools] = true
		case Rights:
			s.compare(who, &changed)
		case Content:
			if s.sees(ctx, who, h.URI) {
				lines = append(lines, s.word("resources/updated", h.URI))
			}
		}
	}
	wanted := [3]bool{s.lists.Tools, s.lists.Prompts, s.lists.Resources}
	for i, list := range [3]string{"tools", "prompts", "resources"} {
		if changed[i] && wanted[i] {
			lines = append(lines, s.word(list+"/list_changed", ""))
		}
	}
	return lines
}

// compare marks the lists that are others than before.
func (s *Subscriber) compare(who access.Principal, changed *[3]bool) {
	now := s.see(who)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range now {
		changed[i] = changed[i] || now[i] != s.seen[i]
	}
	s.seen = now
}

func (s *Subscriber) word(what, uri string) []byte {
	type params struct {
		URI  string                     `json:"uri,omitempty"`
		Meta map[string]json.RawMessage `json:"_meta,omitempty"`
	}
	n := struct {
		Version string  `json:"jsonrpc"`
		Method  string  `json:"method"`
		Params  *params `json:"params,omitempty"`
	}{Version: "2.0", Method: "notifications/" + what}
	if uri != "" || s.tag != nil {
		n.Params = &params{URI: uri, Meta: tagged(s.tag)}
	}
	line, _ := json.Marshal(n) // texts, and an id that was read as JSON
	return line
}

// SubscriptionID is the member of _meta that names the subscription.
const SubscriptionID = "io.modelcontextprotocol/subscriptionId"

func tagged(tag json.RawMessage) map[string]json.RawMessage {
	if tag == nil {
		return nil
	}
	return map[string]json.RawMessage{SubscriptionID: tag}
}

// Acknowledgement is the first message of a subscription: what of what was asked for it will be told.
func (s *Subscriber) Acknowledgement(uris []string) []byte {
	type filter struct {
		Tools     bool     `json:"toolsListChanged,omitempty"`
		Prompts   bool     `json:"promptsListChanged,omitempty"`
		Resources bool     `json:"resourcesListChanged,omitempty"`
		URIs      []string `json:"resourceSubscriptions,omitempty"`
	}
	type params struct {
		Notifications filter                     `json:"notifications"`
		Meta          map[string]json.RawMessage `json:"_meta"`
	}
	line, _ := json.Marshal(struct { // as above
		Version string `json:"jsonrpc"`
		Method  string `json:"method"`
		Params  params `json:"params"`
	}{"2.0", "notifications/subscriptions/acknowledged", params{
		filter{s.lists.Tools, s.lists.Prompts, s.lists.Resources, uris}, tagged(s.tag),
	}})
	return line
}

// Follow tells the client what there is to tell until ctx ends or it takes nothing any more; then what it has not taken is put
// back. It is told what who may see: the principal as the credential of this stream has it, which may be another than that of
// the request in which the client began to be one.
func (s *Subscriber) Follow(ctx context.Context, who access.Principal, tell func(line []byte) error, beat func() error) error {
	who.Under = nil
	return Pump(ctx, s.Next, func(hints []Hint) error {
		for _, line := range s.words(ctx, who, hints) {
			if err := tell(line); err != nil {
				// What compare has seen is not to be lost on a client that was not there.
				s.Return(append(hints, Hint{Kind: Tools}, Hint{Kind: Prompts}, Hint{Kind: Resources}))
				return err
			}
		}
		return nil
	}, beat)
}
