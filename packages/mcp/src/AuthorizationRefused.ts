/** Why a request was sent without credentials that the server takes. Holds no secrets. */
import * as Data from "effect/Data"

export class AuthorizationRefused extends Data.TaggedError("AuthorizationRefused")<{
  /** For people: what is wrong, and what to do where that is known. */
  readonly description: string
}> {
  override get message(): string {
    return this.description
  }
}
