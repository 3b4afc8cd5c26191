"""The parent of every typed kind, and the scalar types Argo and Kubernetes add to JSON.

Attribute names are snake_case, field names are those of the manifests (`JSON_NAMES` holds those
that are not plain camelCase). A field's default is its meaning when absent: `None` is used where
"absent" and "empty" differ. The comment behind a field is its documentation: the CRD generator
and `explain` read it from the source.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, NamedTuple

import msgspec

JsonDict = dict[str, Any]
"""An object of a type this house does not own, as plain JSON."""

JSON_NAMES = {
    "access_key_id": "accessKeyID",
    "api_url": "apiURL",
    "app_id": "appID",
    "artifact_gc": "artifactGC",
    "artifact_gc_status": "artifactGCStatus",
    "bitbucketserver_base_url": "bitbucketserverBaseURL",
    "boundary_id": "boundaryID",
    "cluster_id": "clusterID",
    "cluster_ip": "clusterIP",
    "enable_ssl_verification": "enableSSLVerification",
    "function_arn": "functionARN",
    "gerrit_base_url": "gerritBaseURL",
    "github_base_url": "githubBaseURL",
    "github_upload_url": "githubUploadURL",
    "gitlab_base_url": "gitlabBaseURL",
    "insecure_skip_tls": "insecureSkipTLS",
    "installation_id": "installationID",
    "pod_gc": "podGC",
    "pod_ip": "podIP",
    "krb_c_cache_secret": "krbCCacheSecret",
    "project_id": "projectID",
    "restarting_pod_uid": "restartingPodUID",
    "role_arn": "roleARN",
    "server_url": "serverURL",
    "skip_branch_refs_changed_on_open_pr": "skipBranchRefsChangedOnOpenPR",
    "subscription_id": "subscriptionID",
    "token_url": "tokenURL",
    "client_id_secret": "clientIDSecret",
    "topic_project_id": "topicProjectID",
    "use_sdk_creds": "useSDKCreds",
    "volume_claim_gc": "volumeClaimGC",
}
"""Attribute to field name, where camelCase alone would be wrong."""


def json_name(attribute: str) -> str:
    """The manifest's name of an attribute; a trailing `_` only avoids a Python keyword."""
    known = JSON_NAMES.get(attribute)
    if known is not None:
        return known
    head, *rest = attribute.rstrip("_").split("_")
    return head + "".join(word.capitalize() for word in rest)


class Shape(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True, rename=json_name):
    """A typed object. `crds.decode` reports unknown fields and puts them back."""


class Scalar(Enum):
    """Types that JSON does not have."""

    ANY_STRING = "anyString"  # a number or boolean becomes its JSON text
    INT_OR_STRING = "intOrString"  # an integer, or a text (also a template tag)
    INT32 = "int32"
    TIME = "time"  # RFC 3339 text
    ITEM = "item"  # any JSON, kept as it is
    ITEMS = "items"  # a list of any JSON; also a text with a tag (an extension)
    AMOUNT = "amount"  # a number, or a text that holds one; kept as written
    INT64_OR_DURATION = "int64OrString"  # nanoseconds, or a Go duration
    PLUGIN = "plugin"  # an object with one key, the name of the plugin


class Kubernetes(NamedTuple):
    """Marks a field whose value is a type of Kubernetes itself, by the name it has there."""

    type: str


AnyString = Annotated[str, Scalar.ANY_STRING]
IntOrString = Annotated[int | str, Scalar.INT_OR_STRING]
Int32 = Annotated[int, Scalar.INT32]
Time = Annotated[str, Scalar.TIME]
Item = Annotated[Any, Scalar.ITEM]
Items = Annotated[list[Any] | str, Scalar.ITEMS]
Amount = Annotated[float | str, Scalar.AMOUNT]
Int64OrDuration = Annotated[int | str, Scalar.INT64_OR_DURATION]
Plugin = Annotated[dict[str, Any], Scalar.PLUGIN]

ObjectMeta = Annotated[JsonDict, Kubernetes("ObjectMeta")]
Container = Annotated[JsonDict, Kubernetes("Container")]
Volume = Annotated[JsonDict, Kubernetes("Volume")]
VolumeMount = Annotated[JsonDict, Kubernetes("VolumeMount")]
Affinity = Annotated[JsonDict, Kubernetes("Affinity")]
Toleration = Annotated[JsonDict, Kubernetes("Toleration")]
HostAlias = Annotated[JsonDict, Kubernetes("HostAlias")]
PodSecurityContext = Annotated[JsonDict, Kubernetes("PodSecurityContext")]
SecurityContext = Annotated[JsonDict, Kubernetes("SecurityContext")]
ResourceRequirements = Annotated[JsonDict, Kubernetes("ResourceRequirements")]
PodResourceClaim = Annotated[JsonDict, Kubernetes("PodResourceClaim")]
LocalObjectReference = Annotated[JsonDict, Kubernetes("LocalObjectReference")]
PersistentVolumeClaim = Annotated[JsonDict, Kubernetes("PersistentVolumeClaim")]
LabelSelector = Annotated[JsonDict, Kubernetes("LabelSelector")]
PodDNSConfig = Annotated[JsonDict, Kubernetes("PodDNSConfig")]
PodDisruptionBudgetSpec = Annotated[JsonDict, Kubernetes("PodDisruptionBudgetSpec")]
EnvVar = Annotated[JsonDict, Kubernetes("EnvVar")]
EnvFromSource = Annotated[JsonDict, Kubernetes("EnvFromSource")]
ServicePort = Annotated[JsonDict, Kubernetes("ServicePort")]
SecretKey = Annotated[JsonDict, Kubernetes("SecretKeySelector")]
ConfigMapKey = Annotated[JsonDict, Kubernetes("ConfigMapKeySelector")]
ObjectReference = Annotated[JsonDict, Kubernetes("ObjectReference")]
ContainerNode = Annotated[JsonDict, Kubernetes("ContainerNode")]
UserContainer = Annotated[JsonDict, Kubernetes("UserContainer")]
ScriptTemplate = Annotated[JsonDict, Kubernetes("ScriptTemplate")]
