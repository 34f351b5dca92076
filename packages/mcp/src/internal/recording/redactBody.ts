/**
 * Takes secrets out of a message, so that what is left is still JSON of the same shape.
 *
 * Known secrets go wherever they stand, in names of members and in numbers too. What a member's own name says to be a secret goes as
 * well: a password among the arguments of a tool is known to no config.
 */
import type { Redact } from "../link/redactSecrets.ts"
import { isRawJSON } from "./exactJson.ts"

/** What stands in the place of a secret. */
export const redacted = "<redacted>"

export const redactBody = (redact: Redact, value: unknown): unknown => {
  if (typeof value === "string") return redact(value)
  if (typeof value === "number") {
    const text = String(value)
    const left = redact(text)
    return left === text ? value : left
  }
  if (typeof value !== "object" || value === null) return value
  if (isRawJSON(value)) {
    const text = JSON.stringify(value)
    const left = redact(text)
    return left === text ? value : left
  }
  if (Array.isArray(value)) return value.map((item: unknown) => redactBody(redact, item))
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      redact(name),
      isSecretName(name) && isPlain(member) ? redacted : redactBody(redact, member)
    ])
  )
}

/** Whether a member, a variable or a flag of this name holds a secret: `password`, `apiKey`, `GITHUB_TOKEN`, `client-secret`. */
export const isSecretName = (name: string): boolean => {
  const words = name.replace(/([a-z\d])([A-Z])/g, "$1 $2").toLowerCase().split(/[^a-z\d]+/).filter((word) =>
    word !== ""
  )
  const last = words.at(-1) ?? ""
  const pair = words.slice(-2).join("")
  if (alone.has(last) || pairs.has(pair)) return true
  return last === "token" && !harmlessTokens.has(words.at(-2) ?? "")
}

const alone = new Set([
  "password",
  "passwd",
  "passphrase",
  "secret",
  "secrets",
  "apikey",
  "authorization",
  "bearer",
  "cookie",
  "credential",
  "credentials",
  "jwt"
])

const pairs = new Set([
  "apikey",
  "accesskey",
  "privatekey",
  "secretkey",
  "signingkey",
  "encryptionkey",
  "authkey",
  "apppassword"
])

/** Tokens of the protocol and of lists, which open nothing. */
const harmlessTokens = new Set(["progress", "page", "next", "continuation", "cancellation", "max", "stop", "end"])

/** An object of such a name is a schema, a switch no secret. An empty text hides nothing. */
const isPlain = (value: unknown): boolean =>
  typeof value === "string" ? value !== "" : typeof value === "number" || isRawJSON(value)
