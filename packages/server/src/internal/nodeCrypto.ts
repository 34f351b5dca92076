/** Wraps the platform: ids that cannot be guessed, and what they are looked up by. */
import { hash, randomFillSync } from "node:crypto"

const bytesOfId = 32
/** Random bytes are made for so many ids at once: the making costs more than the bytes. */
const idsAtOnce = 64
const random = Buffer.alloc(bytesOfId * idsAtOnce)
let used = random.length

/** 256 bits, in characters that are legal in a header and in a query. */
export const randomId = (): string => {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  const id = random.toString("base64url", used, used + bytesOfId)
  // The client alone has the id from here on.
  random.fill(0, used, used + bytesOfId)
  used += bytesOfId
  return id
}

/** Ids are kept and compared by this alone, so that no comparison tells how much of a guess was right. */
export const digestOf = (id: string): string => hash("sha256", id, "base64url")
