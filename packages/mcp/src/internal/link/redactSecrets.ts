/**
 * Takes known secrets out of what a stranger wrote before it goes into a message or a log: a server that complains about its
 * api key on stderr quotes it there.
 */
import * as Redacted from "effect/Redacted"

export type Redact = (text: string) => string

/** For the values that an endpoint redacts: environment, headers, with the part of `Bearer …` that counts, and its `secrets`. */
export const ofEndpoint = ({ env, headers, secrets }: Confidant): Redact =>
  make([...Object.values(env ?? headers ?? {}), ...secrets].map((value) => String(Redacted.value(value))))

/** The parts of an endpoint that hold secrets. */
interface Confidant {
  readonly env?: Readonly<Record<string, Redacted.Redacted>>
  readonly headers?: Readonly<Record<string, Redacted.Redacted>>
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

export const make = (secrets: ReadonlyArray<string>): Redact => {
  const needles = secrets
    .flatMap((secret) => [secret, secret.slice(secret.lastIndexOf(" ") + 1)])
    // `1`, `true` or `debug` are values of variables too, and words that a message needs.
    .filter((secret) => secret.length >= shortestSecret)
    .toSorted((left, right) => right.length - left.length)
  if (needles.length === 0) return (text) => text
  return (text) => needles.reduce((redacted, needle) => redacted.replaceAll(needle, "<redacted>"), text)
}

const shortestSecret = 8
