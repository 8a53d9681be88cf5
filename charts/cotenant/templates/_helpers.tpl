{{/* ClusterRoles that the operator may bind, as JSON: one a role of the platform, and those of the home. */}}
{{- define "cotenant.bindable" -}}
{{- $names := list -}}
{{- range .Values.roles }}{{- $names = append $names (printf "cotenant:%s" .) -}}{{- end -}}
{{- toJson (concat $names (list "cotenant:home-owner" "cotenant:home-viewer")) -}}
{{- end -}}
{{/* What the operator reads from its ConfigMap, as JSON. */}}
{{- define "cotenant.settings" -}}
{
  "platform": {
    "namespace": "{{ .Release.Namespace }}",
    "serviceAccount": "cotenant",
    "roles": {{ toJson .Values.roles }},
    "reservedNames": [],
    "namingWithoutTenant": false,
    "podSecurityVersion": "v1.36",
    "clusterCidrs": [],
    "dnsAddresses": ["169.254.20.10/32","fd00::10/128"],
    "podIdentityAddresses": ["169.254.170.23/32","fd00:ec2::23/128"],
    "strictAccounting": {{ .Values.strictAccounting }}
  },
  "eksCluster": {{ toJson .Values.eks.cluster }},
  "awsRegion": {{ toJson .Values.eks.region }}
}
{{- end -}}
