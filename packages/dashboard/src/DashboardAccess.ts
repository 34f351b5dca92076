/**
 * Wraps the platform: the secrets that let a person in, and no other program of this machine, and no page of another site.
 *
 * The address that is opened carries a token in its fragment, which a browser sends to no server. The page gives it to `api/enter` and gets the
 * secret of a session for it, which it sends as a header: no cookie, because those of one port are sent to every port of a host.
 *
 * @example
 * ```ts
 * import * as DashboardAccess from "@holdfast/dashboard/DashboardAccess"
 *
 * const { access, token } = DashboardAccess.oneTime("start it again for a new one")
 * console.log(`http://127.0.0.1:8080/#${token}`, access.admits(undefined))
 * ```
 */
import * as Effect from "effect/Effect"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { DashboardRefusal } from "./DashboardSource.ts"

/** The header with the secret of a session. */
export const header = "holdfast-session"

/** Lets requests in. */
export interface DashboardAccess {
  /** The secret of a session for a token. */
  readonly enter: (token: string) => Effect.Effect<string, DashboardRefusal>
  /** Whether it is the secret of a session. Undefined: the request has none. */
  readonly admits: (session: string | undefined) => boolean
}

/** A token that is good for one session. */
export interface OneTime {
  readonly access: DashboardAccess
  readonly token: string
}

/** Makes a token of 256 bits. `next`: how to get another one, as the end of a sentence. */
export const oneTime = (next: string): OneTime => {
  const token = secret()
  let expected: string | undefined = token
  let session: string | undefined
  return {
    token,
    access: {
      enter: (given) =>
        Effect.suspend(() => {
          if (!isEqual(given, token)) return refused(`this address is not the right one; ${next}`)
          if (expected === undefined) return refused(`this address was used already, and works only once; ${next}`)
          expected = undefined
          session = secret()
          return Effect.succeed(session)
        }),
      admits: (given) => session !== undefined && given !== undefined && isEqual(given, session)
    }
  }
}

/** Lets in what gets past the guard: for a host that only this machine reaches, and that knows no secrets. */
export const open: DashboardAccess = { enter: () => Effect.succeed("open"), admits: () => true }

const refused = (message: string) => Effect.fail(new DashboardRefusal({ message }))

const secret = (): string => randomBytes(32).toString("base64url")

/** How long it takes tells nothing: of both, digests are compared. */
const isEqual = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))

const digest = (text: string) => createHash("sha256").update(text).digest()
