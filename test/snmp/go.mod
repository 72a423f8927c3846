// The SNMP engine and its tables against other SNMP programs: a module of its own, so that these do not reach the go.mod that
// people import.
module github.com/panoptes-otel/panoptes-otel/test/snmp

go 1.26.0

require (
	github.com/alecthomas/kingpin/v2 v2.4.0
	github.com/gosnmp/gosnmp v1.47.0
	github.com/itchyny/timefmt-go v0.1.8
	github.com/panoptes-otel/panoptes-otel v0.0.0
	github.com/prometheus/client_golang v1.23.2
	github.com/prometheus/client_model v0.6.2
	github.com/prometheus/snmp_exporter v0.29.0
	pgregory.net/rapid v1.2.0
)

require (
	github.com/alecthomas/units v0.0.0-20240927000941-0f3dac36c52b // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/common v0.70.1 // indirect
	github.com/prometheus/procfs v0.21.0 // indirect
	github.com/xhit/go-str2duration/v2 v2.1.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.uber.org/zap v1.28.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
	gopkg.in/yaml.v2 v2.4.0 // indirect
)

replace github.com/panoptes-otel/panoptes-otel => ../..
