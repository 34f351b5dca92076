/**
 * The identity of an endpoint for sharing: endpoints with equal keys may use one connection.
 *
 * A key is the SHA-256 of a canonical JSON of everything that makes two connections different: transport, command,
 * arguments, working directory, environment, url, headers, how its session is kept, and the identity it is used under (never a token). So:
 * - what changes the identity of the client, or the server that is meant, changes the key;
 * - what does not (the order of variables or headers, the case of a header's name or a host, a default port, a url's
 *   fragment) does not;
 * - secrets are in the digest and cannot be read out of it.
 *
 * Gotchas: the digest is not salted, so that programs can agree on it. A program that knows everything else can check a guess of a
 * short secret against it: show fingerprints, not keys. An ill-formed url is its own key and fails when it is dialled.
 *
 * @example
 * ```ts
 * import { Endpoint, EndpointKey } from "@holdfast/mcp"
 *
 * const key = EndpointKey.make(Endpoint.stdio({ command: "server" }), { identity: "ada" })
 * export const shown = EndpointKey.fingerprint(key)
 * ```
 */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import type { Endpoint, HttpEndpoint } from "./Endpoint.ts"

/** 64 hexadecimal digits. */
export type EndpointKey = string & { readonly EndpointKey: unique symbol }

/** What is part of a key besides the endpoint. */
export interface KeyOptions {
  /**
   * The user that the connection acts for, where the endpoint does not say (a user of a shared host, the handlers of server-side
   * requests). Never a rotating token: the key would change with it. Default: none.
   */
  readonly identity?: string | undefined
}

/** Digests an endpoint. Pure; equal for endpoints that may share a connection. */
const make = (endpoint: Endpoint, options: KeyOptions = {}): EndpointKey => {
  const identity = options.identity ?? null
  const canonical = endpoint._tag === "Stdio"
    ? {
      transport: "stdio",
      command: endpoint.command,
      args: endpoint.args,
      cwd: endpoint.cwd ?? null,
      env: entries(endpoint.env, (name) => name),
      inheritEnv: endpoint.inheritEnv,
      identity
    }
    : {
      transport: endpoint._tag === "Http" ? "http" : "sse",
      url: canonicalUrl(endpoint.url),
      headers: entries(endpoint.headers, (name) => name.toLowerCase()),
      ...(endpoint.authorizer !== undefined && { authorizer: endpoint.authorizer.identity }),
      // Only where something else than the default is said, so that keys stay what they were.
      ...(endpoint._tag === "Http" && !endpoint.push && { push: false }),
      ...(endpoint._tag === "Http" && endMillis(endpoint) !== 2000 &&
        { sessionEndTimeout: `${endMillis(endpoint)} ms` }),
      identity
    }
  // The version keeps keys of a later canonical form apart from these. The assertion adds the brand, nothing else.
  return createHash("sha256").update(JSON.stringify({ version: 1, ...canonical })).digest("hex") as EndpointKey
}

/** The first 12 digits: enough to tell the servers of one machine apart in messages and tables. */
const fingerprint = (key: EndpointKey): string => key.slice(0, 12)

/** Constructors and views of endpoint keys. */
export const EndpointKey = { make, fingerprint } as const

const endMillis = ({ sessionEndTimeout }: HttpEndpoint): number => Duration.toMillis(sessionEndTimeout)

const entries = (
  values: Readonly<Record<string, Redacted.Redacted>>,
  canonicalName: (name: string) => string
): ReadonlyArray<readonly [string, string]> =>
  Object.entries(values)
    .map(([name, value]) => [canonicalName(name), Redacted.value(value)] as const)
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x, y))

/** By code unit, not by locale: the key must not depend on the machine's language. */
const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

const canonicalUrl = (text: string): string => {
  if (!URL.canParse(text)) return text
  const url = new URL(text)
  url.hash = ""
  return url.href
}
