/**
 * Wraps the platform: what the daemon asks Node for besides sockets and files of its own.
 */
import * as Effect from "effect/Effect"
import { randomBytes, timingSafeEqual } from "node:crypto"
import { readFileSync } from "node:fs"
import process from "node:process"

/** 256 random bits. */
export const newSecret = (): string => randomBytes(32).toString("hex")

/** In a time that tells nothing of where they differ. */
export const isSameSecret = (left: string, right: string): boolean => {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

export const processId: Effect.Effect<number> = Effect.sync(() => process.pid)

/** From our own package.json, which is two folders up from the sources and from `dist` alike. */
export const packageVersion: Effect.Effect<string> = Effect.sync(() => {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown"
})
