//go:build enable_aws_sd

package providers

import _ "github.com/prometheus/prometheus/discovery/aws"
