"""AWS: access entries and the principals of IAM. The only place that imports boto3 (extra `aws`)."""
