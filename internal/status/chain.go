package status

// Chain is the way of a plugin through a receiver, from its file to its data: why it runs, or why it does not.
type Chain struct {
	Receiver string `json:"receiver"`
	// Plugin is what was asked for.
	Plugin string `json:"plugin"`
	// Links are in the order of the way. They end where the chain breaks for good.
	Links []Link `json:"links"`
}

// Good says whether the chain breaks nowhere, as far as is known.
func (c *Chain) Good() bool {
	for _, l := range c.Links {
		if l.Holds == No {
			return false
		}
	}
	return true
}

// Link is a step of the way.
type Link struct {
	Name  string `json:"link"`
	Holds Holds  `json:"holds"`
	// Said is what is known of it.
	Said string `json:"said"`
	// Next is what to do where it does not hold, or not for all.
	Next string `json:"next,omitempty"`
}

// Holds says whether a link holds.
type Holds string

// What is known of a link.
const (
	Yes Holds = "yes"
	No  Holds = "no"
	// Unknown: the receiver cannot tell, or not yet.
	Unknown Holds = "unknown"
)
