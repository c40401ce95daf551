"""Raw datasets into Case records: one adapter module per dataset, one build for all."""
