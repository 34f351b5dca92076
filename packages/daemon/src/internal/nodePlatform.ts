/**
 * Wraps the platform: what the daemon asks Node for besides sockets and files of its own.
 */
import * as Effect from "effect/Effect"
import { randomBytes, timingSafeEqual } from "node:crypto"
import { availableParallelism, totalmem } from "node:os"
import process from "node:process"

/** 256 random bits. */
export const newSecret = (): string => randomBytes(32).toString("hex")

/** In a time that tells nothing of where they differ. */
export const isSameSecret = (left: string, right: string): boolean => {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

export const processId: Effect.Effect<number> = Effect.sync(() => process.pid)

/** Bytes that are left for more processes, of the machine or of the container; undefined on a Node that does not tell. */
export const availableMemory = (): number | undefined => process.availableMemory?.()

/** Bytes of the machine, or of the container. */
export const totalMemory = (): number => Math.min(totalmem(), process.constrainedMemory?.() || Number.POSITIVE_INFINITY)

export const processors = (): number => availableParallelism()
