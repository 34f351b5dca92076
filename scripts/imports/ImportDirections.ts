/**
 * Who may import whom: the map of the house as data, packages still to come included.
 *
 * `scripts/check-imports.ts` fails on every import this table does not allow; CONTRIBUTING.md shows the same map to people.
 * An import of a folder's own modules is always allowed. Packages from outside the workspace are no matter of this table:
 * for them the check looks into the importing package's own `package.json`.
 */

/** What one folder of the workspace may import from other folders. */
export interface ImportDirection {
  /** Folder, relative to the root. */
  readonly folder: string
  /** Name other folders import it by, if they may. */
  readonly name?: string
  /** Folders its sources may import. */
  readonly sources: ReadonlyArray<string>
  /** Folders its tests may import on top of what its sources may. */
  readonly tests: ReadonlyArray<string>
  /** Entries of their own with more rights than the rest: path prefix within the folder, and what it may import too. */
  readonly entries?: Readonly<Record<string, ReadonlyArray<string>>>
}

const testkit = ["packages/testkit"]

const everyPackage = [
  "packages/core",
  "packages/protocol",
  "packages/process",
  "packages/mcp",
  "packages/server",
  "packages/jobs",
  "packages/daemon",
  "packages/dashboard",
  "packages/testkit",
  "apps/cli",
  "apps/scan-server"
]

export const importDirections: ReadonlyArray<ImportDirection> = [
  { folder: "packages/core", name: "@holdfast/core", sources: [], tests: testkit },
  { folder: "packages/protocol", name: "@holdfast/protocol", sources: [], tests: testkit },
  { folder: "packages/process", name: "@holdfast/process", sources: ["packages/core"], tests: testkit },
  {
    folder: "packages/mcp",
    name: "@holdfast/mcp",
    sources: ["packages/core", "packages/process", "packages/protocol"],
    tests: testkit
  },
  { folder: "packages/dashboard", name: "@holdfast/dashboard", sources: [], tests: testkit },
  {
    folder: "packages/server",
    name: "@holdfast/server",
    sources: ["packages/core", "packages/dashboard", "packages/protocol"],
    tests: testkit
  },
  {
    folder: "packages/jobs",
    name: "@holdfast/jobs",
    sources: ["packages/protocol"],
    tests: testkit,
    entries: { "src/mcp": ["packages/server"] }
  },
  {
    folder: "packages/daemon",
    name: "@holdfast/daemon",
    sources: ["packages/core", "packages/mcp", "packages/process", "packages/protocol", "packages/server"],
    tests: testkit
  },
  { folder: "packages/testkit", name: "@holdfast/testkit", sources: ["packages/core"], tests: [] },
  {
    folder: "apps/cli",
    name: "holdfast",
    sources: ["packages/daemon", "packages/dashboard", "packages/mcp", "packages/process", "packages/protocol"],
    tests: testkit
  },
  {
    folder: "apps/scan-server",
    name: "@holdfast/scan-server",
    sources: ["packages/protocol", "packages/server", "packages/jobs"],
    tests: testkit
  },
  // What a user writes: it may see what users see.
  { folder: "examples/effect-app", sources: ["packages/mcp"], tests: [] },
  { folder: "examples/observed", sources: ["packages/mcp"], tests: [] },
  { folder: "examples/own-protocol", sources: ["packages/core"], tests: [] },
  { folder: "examples/plain-typescript", sources: ["packages/mcp"], tests: [] },
  { folder: "examples/server", sources: ["packages/jobs", "packages/server"], tests: [] },
  // What crosses packages: it may see everything, and nothing may see it.
  { folder: "test", sources: everyPackage, tests: [] },
  { folder: "scripts/api", sources: [], tests: [] },
  { folder: "scripts/site", sources: [], tests: [] },
  { folder: "scripts", sources: [], tests: [] }
]
