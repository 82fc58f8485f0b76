"""What platforms are told: compose files, Kubernetes manifests, systemd units, Procfiles."""
