"""IAM principals and what a cluster makes of them: claims of tenants, aws-auth, access entries. Pure.

Facts: EKS user guide on access entries; aws-iam-authenticator v0.7.18, pkg/mapper and pkg/arn.
"""
