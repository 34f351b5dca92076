/** Wraps the platform: keys are secrets, and come from its generator. */
import { createHmac, randomBytes } from "node:crypto"

export const randomKey = (): string => randomBytes(32).toString("hex")

/** Names a key without giving it away. */
export const nameOfKey = (key: string): string =>
  createHmac("sha256", key).update("holdfast baseline").digest("hex").slice(0, 16)
