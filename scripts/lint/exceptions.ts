/** Which uses of the platform `PlatformFiles` grants to the file being linted. */
import type { Context } from "./Oxlint.ts"
import { platformFiles, type PlatformUse } from "./PlatformFiles.ts"

export const allowedIn = (context: Context): ReadonlyArray<PlatformUse> => {
  if (process.env["HOLDFAST_LINT_NO_EXCEPTIONS"] === "1") return []
  const path = context.filename.replaceAll("\\", "/")
  return platformFiles.filter(({ file }) => path === file || path.endsWith(`/${file}`)).flatMap(({ allows }) => allows)
}
