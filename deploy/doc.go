// Package deploy holds what it takes to run the distribution as a service, in a container and in Kubernetes, and tests of
// that: the manifests by Kubernetes' own types, the container file by BuildKit's own parser.
package deploy
