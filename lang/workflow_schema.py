"""Merge keys of the Workflow kinds, and which empty fields their Go structures print unasked.

Owns the table, in the notation of `pod_schema_table`; structures not named here merge as plain
maps, their lists are replaced. The keys are those that Argo's types declare (`patchMergeKey`)
and that its merges were seen to use: templates, parameters, artifacts, tasks, volumes, image pull
secrets, host aliases, tolerations. Volumes keep both sources (no retainKeys). Callers:
`strategic_merge`, `go_shape`.
"""

from __future__ import annotations

from collections.abc import Mapping

from lang import merge_schema, pod_schema_table
from lang.merge_schema import Type

TABLE = """\
WorkflowSpec: arguments=Arguments! templates=[Template]~name templateDefaults=Template
  hooks={LifecycleHook} volumes=[Volume]~name imagePullSecrets=[LocalObjectReference]~name
  hostAliases=[HostAlias]~ip tolerations=[Toleration]~key affinity=Affinity dnsConfig=PodDNSConfig
  securityContext=PodSecurityContext volumeClaimTemplates=[PersistentVolumeClaim]
  podMetadata=PlainMetadata workflowMetadata=WorkflowMetadata
Arguments: parameters=[Parameter]~name artifacts=[Artifact]~name
Parameter: name=string! valueFrom=ValueFrom
ValueFrom: configMapKeyRef=ConfigMapKeySelector
Artifact: name=string!
Inputs: parameters=[Parameter]~name artifacts=[Artifact]~name
Outputs: parameters=[Parameter]~name artifacts=[Artifact]~name
Template: inputs=Inputs! outputs=Outputs! metadata=PlainMetadata! container=Container
  script=ScriptTemplate steps=[StepGroup] dag=DAGTemplate containerSet=ContainerSetTemplate
  volumes=[Volume]~name initContainers=[UserContainer]~name sidecars=[UserContainer]~name
  tolerations=[Toleration]~key hostAliases=[HostAlias]~ip affinity=Affinity
  securityContext=PodSecurityContext data=Data
PlainMetadata: labels={string} annotations={string}
WorkflowMetadata: labels={string} annotations={string}
ScriptTemplate: args=[string] command=[string] env=[EnvVar]~name envFrom=[EnvFromSource]
  name=string! resources=ResourceRequirements! ports=[ContainerPort]~containerPort source=string!
  volumeMounts=[VolumeMount]~mountPath volumeDevices=[VolumeDevice]~devicePath
UserContainer: args=[string] command=[string] env=[EnvVar]~name envFrom=[EnvFromSource]
  name=string! resources=ResourceRequirements! ports=[ContainerPort]~containerPort
  volumeMounts=[VolumeMount]~mountPath volumeDevices=[VolumeDevice]~devicePath
StepGroup: step=WorkflowStep
WorkflowStep: arguments=Arguments! hooks={LifecycleHook} inline=Template
DAGTemplate: tasks=[DAGTask]~name
DAGTask: name=string! arguments=Arguments! hooks={LifecycleHook} inline=Template
LifecycleHook: arguments=Arguments!
ContainerSetTemplate: containers=[ContainerNode]~name volumeMounts=[VolumeMount]
ContainerNode: args=[string] command=[string] env=[EnvVar]~name envFrom=[EnvFromSource]
  name=string! resources=ResourceRequirements! ports=[ContainerPort]~containerPort
  volumeMounts=[VolumeMount]~mountPath volumeDevices=[VolumeDevice]~devicePath
Data: source=DataSource! transformation=[TransformationStep]!
DataSource: artifactPaths=Artifact
TransformationStep: expression=string!
PersistentVolumeClaim: metadata=PlainMetadata! spec=PersistentVolumeClaimSpec!
  status=PersistentVolumeClaimStatus!
PersistentVolumeClaimStatus: phase=string
"""

TYPES: Mapping[str, Type] = merge_schema.read(pod_schema_table.TABLE, TABLE)
WORKFLOW_SPEC, TEMPLATE = TYPES["WorkflowSpec"], TYPES["Template"]
