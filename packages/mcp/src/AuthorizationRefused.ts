/**
 * Why a request was sent without credentials that the server takes. Holds no secrets.
 *
 * @example
 * ```ts
 * import { AuthorizationRefused } from "@holdfast/mcp/AuthorizationRefused"
 * import * as Effect from "effect/Effect"
 *
 * export const refused = Effect.fail(new AuthorizationRefused({ description: "the token has expired: run `login` again" }))
 * ```
 */
import * as Data from "effect/Data"

/** The refusal of an authorizer. The request fails with status 401 or 403 and this description. */
export class AuthorizationRefused extends Data.TaggedError("AuthorizationRefused")<{
  /** For people: what is wrong, and what to do where that is known. */
  readonly description: string
}> {
  override get message(): string {
    return this.description
  }
}
