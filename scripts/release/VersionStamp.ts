/**
 * The version of a package, as a constant in its `src/internal/version.ts`.
 *
 * It is not read from `package.json` when it is needed: a bundle has no such file beside it, or the application's own.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

/** Every file that holds a version, relative to the root. */
export const versionFiles = (root: string): ReadonlyArray<string> =>
  Fs.globSync("{packages,apps}/*/src/internal/version.ts", { cwd: root }).toSorted()

/** What the file has to say. */
export const stampOf = (root: string, file: string): string => {
  const manifest = Path.join(root, file, "../../../package.json")
  // The shape is npm's; only the version is read.
  const { version } = JSON.parse(Fs.readFileSync(manifest, "utf8")) as { readonly version: string }
  return `/** The version of this package, written by \`pnpm version-packages\`. */\nexport const version = "${version}"\n`
}
