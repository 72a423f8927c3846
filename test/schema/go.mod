// The published JSON Schema against vectors, our checker and our encoder: a module of its own, so that no JSON Schema
// library reaches the go.mod that people import.
module github.com/panoptes-otel/panoptes-otel/test/schema

go 1.26.0

require (
	github.com/panoptes-otel/panoptes-otel v0.0.0
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	go.opentelemetry.io/collector/pdata v1.64.0
	pgregory.net/rapid v1.2.0
)

require (
	github.com/hashicorp/go-version v1.9.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.3-0.20250322232337-35a7c28c31ee // indirect
	go.opentelemetry.io/collector/featuregate v1.64.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	golang.org/x/text v0.40.0 // indirect
)

replace github.com/panoptes-otel/panoptes-otel => ../..
