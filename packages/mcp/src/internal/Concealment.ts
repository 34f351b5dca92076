/**
 * Takes known secrets out of what a stranger wrote before it goes into a message or a log: a server that complains about its
 * api key on stderr quotes it there.
 */
import * as Redacted from "effect/Redacted"
import type { Endpoint } from "../Endpoint.ts"

export type Conceal = (text: string) => string

/** For the values that an endpoint redacts: environment and headers, with the part of `Bearer …` that counts. */
export const ofEndpoint = (endpoint: Endpoint): Conceal => {
  const values = Object.values(endpoint._tag === "Stdio" ? endpoint.env : endpoint.headers)
  return make(values.map((value) => String(Redacted.value(value))))
}

export const make = (secrets: ReadonlyArray<string>): Conceal => {
  const needles = secrets
    .flatMap((secret) => [secret, secret.slice(secret.lastIndexOf(" ") + 1)])
    // `1`, `true` or `debug` are values of variables too, and words that a message needs.
    .filter((secret) => secret.length >= shortestSecret)
    .toSorted((left, right) => right.length - left.length)
  if (needles.length === 0) return (text) => text
  return (text) => needles.reduce((concealed, needle) => concealed.replaceAll(needle, "<redacted>"), text)
}

const shortestSecret = 8
