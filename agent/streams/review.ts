// The question behind an open stream, put to the API server: may this person still do that?
import type { KubeClient } from "../../lib/kube/client.ts";
import type { RequestInfo } from "./request-info.ts";
import type { Person, Review } from "./table.ts";

const PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/** `managed`: a client that may create SubjectAccessReviews. */
export function reviewAt(managed: KubeClient): Review {
  return async (person, info, signal) => {
    const body = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec: specOf(person, info) };
    const answer = (await managed.request("POST", PATH, { body, signal })) as { status?: { allowed?: boolean } };
    return answer.status?.allowed === true;
  };
}

function specOf({ user, uid, groups, extra }: Person, info: RequestInfo): object {
  // An impersonated person is in this group, besides all others.
  const who = { user, groups: [...groups, "system:authenticated"], ...(uid === "" ? {} : { uid }), extra };
  if (info.path !== undefined) return { ...who, nonResourceAttributes: { path: info.path, verb: info.verb } };
  const { verb, group, version, resource, subresource, namespace, name } = info;
  return { ...who, resourceAttributes: { verb, group, version, resource, subresource, namespace, name } };
}
