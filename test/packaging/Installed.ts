/**
 * One installation for all tests of packaging: made before the first of them, removed after the last.
 *
 * It holds what a user adds beside our packages, in the workspace's versions; the oldest TypeScript that docs/support.md names; and on
 * Linux the oldest Node that it names, and one that is too old.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { TestProject } from "vitest/node"
import { install, type Installation, installedVersions } from "./Tarballs.ts"

declare module "vitest" {
  interface ProvidedContext {
    readonly installation: Omit<Installation, "remove">
  }
}

const nodes = process.platform === "linux"
  ? {
    "node-oldest": `npm:node-linux-${process.arch}@22.19.0`,
    "node-too-old": `npm:node-linux-${process.arch}@18.20.8`
  }
  : {}

const versions = {
  ...installedVersions("@effect/vitest", "@types/node", "effect", "rolldown", "typescript", "vitest"),
  ...installedVersions("test/@effect/platform-node", "test/@modelcontextprotocol/server-filesystem"),
  "typescript-oldest": "npm:typescript@5.9.3",
  esbuild: "0.28.2",
  jest: "30.5.2",
  ...nodes
}

export default function setup(project: TestProject): () => void {
  const { folder, remove, tarballs } = install(versions)
  Fs.cpSync(Path.join(import.meta.dirname, "consumer"), folder, { recursive: true })
  // The older Nodes are meant by their paths. What npx runs is run by the Node of the test.
  Fs.rmSync(Path.join(folder, "node_modules/.bin/node"), { force: true })
  project.provide("installation", { folder, tarballs })
  return remove
}
