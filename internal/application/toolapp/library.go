package toolapp

import (
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// What a caller hears of something that is not there, and of something that it may not see: the two look the same.
var (
	ErrNoResource = fault.New(fault.NotFound, "tool.resource_unknown",
		"There is no resource of this URI; resources/list and resources/templates/list name the ones there are.")
	ErrNoPrompt = fault.New(fault.NotFound, "tool.prompt_unknown", "There is no prompt of this name; prompts/list names the ones there are.")
)

// The rate-limit classes of what is offered beside tools.
const (
	ReadClass     = "resource"
	PromptClass   = "prompt"
	CompleteClass = "completion"
)

// DemandRead is what reading a resource demands. A template stands for the URIs that it is listed for, and is named by its
// own text.
func DemandRead(uri string) access.Demand { return access.On("resource.read", "resource", uri) }

// DemandPrompt is what getting, and seeing, a prompt demands.
func DemandPrompt(name string) access.Demand { return access.On("prompt.get", "prompt", name) }

// Library answers what of the resources and prompts a principal may see: exactly what the gate would let it use.
type Library struct {
	policy    access.Policy
	resources *tool.Resources
	prompts   *tool.Prompts
}

// NewLibrary asks policy about resources and prompts.
func NewLibrary(policy access.Policy, resources *tool.Resources, prompts *tool.Prompts) *Library {
	return &Library{policy: policy, resources: resources, prompts: prompts}
}

// Resources are all there are, whoever may see them.
func (l *Library) Resources() *tool.Resources { return l.resources }

// Prompts are all there are, whoever may see them.
func (l *Library) Prompts() *tool.Prompts { return l.prompts }

// Reading is the message by which p reads uri. A view holds no data and is part of the tools that it draws for, so that
// reading it demands what calling one of them does.
func (l *Library) Reading(p access.Principal, uri string) ReadResource {
	m := ReadResource{Read: cqrs.Read{By: p}, URI: uri}
	for i, name := range l.resources.Viewers(uri) {
		demand := Demand(name)
		if i == 0 {
			m.demand = demand
		}
		if l.policy.Decide(p, demand).Allowed {
			m.demand = demand
			break
		}
	}
	return m
}

// MayRead reports whether p may read the URI, or see the template of that text, were there one.
func (l *Library) MayRead(p access.Principal, uri string) bool {
	return l.policy.Decide(p, l.Reading(p, uri).Demand()).Allowed
}

// MayGet reports whether p may get the prompt of that name, were there one.
func (l *Library) MayGet(p access.Principal, name string) bool {
	return l.policy.Decide(p, DemandPrompt(name)).Allowed
}
