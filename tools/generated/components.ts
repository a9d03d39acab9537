// The processes of the hub and where each says what it does.
import { access as authAccess, namespacedAccess as authNamespaced } from "../../auth/access.ts";
import type { Component } from "./rights.ts";

export const COMPONENTS: readonly Component[] = [
  { name: "auth", source: "auth/access.ts", declared: { access: authAccess, namespacedAccess: authNamespaced }, leads: false },
];
