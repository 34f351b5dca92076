/** Wraps the platform: ids that cannot be guessed, and what they are looked up by. */
import { hash, randomBytes } from "node:crypto"

/** 256 bits, in characters that are legal in a header and in a query. */
export const randomId = (): string => randomBytes(32).toString("base64url")

/** Ids are kept and compared by this alone, so that no comparison tells how much of a guess was right. */
export const digestOf = (id: string): string => hash("sha256", id, "base64url")
