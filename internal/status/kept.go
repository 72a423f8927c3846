package status

import "time"

// Stores of what is kept of a resource.
const (
	// KeptEnrichment is what enrichment plugins found out.
	KeptEnrichment = "enrichment"
	// KeptKeys are keys of plugins that have the id of the resource in their names.
	KeptKeys = "keys"
)

// Kept is what the stores of a receiver have of a resource.
type Kept struct {
	Receiver   string `json:"receiver"` // filled in by the board
	ResourceID string `json:"resource_id"`
	// Items are enrichment by namespace, and then keys by name. Left is how many more there are.
	Items []KeptItem `json:"items"`
	Left  int        `json:"left"`
}

// KeptItem is one of them. Control characters are escaped in all texts, and secrets that plugins were given are taken out.
type KeptItem struct {
	// Store is KeptEnrichment or KeptKeys.
	Store string `json:"store"`
	// Name is the namespace of the enrichment, or the key.
	Name string `json:"name"`
	// Value is the beginning of what is kept: of enrichment its data, in JSON.
	Value string `json:"value"`
	// Bytes is how long it is.
	Bytes int `json:"bytes"`
	// Made is when the enrichment was, where it says so. Expires is absent where it stays for good.
	Made    time.Time `json:"made,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// Error is why it cannot be shown: a set is no value, or its store is away.
	Error string `json:"error,omitempty"`
}
