{{/* ClusterRoles that the operator may bind, as JSON: one a role of the platform, and those of the home. */}}
{{- define "cotenant.bindable" -}}
{{- $names := list -}}
{{- range .Values.roles }}{{- $names = append $names (printf "cotenant:%s" .) -}}{{- end -}}
{{- toJson (concat $names (list "cotenant:home-owner" "cotenant:home-viewer")) -}}
{{- end -}}
