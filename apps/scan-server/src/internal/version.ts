/** The version of this package, as its `package.json` says. */
import { createRequire } from "node:module"

// The file is this package's own, and has a version.
const manifest = createRequire(import.meta.url)("../../package.json") as { readonly version: string }

export const version = manifest.version
