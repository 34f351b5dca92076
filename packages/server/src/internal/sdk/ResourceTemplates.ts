/**
 * The class of templates of the SDK (version 1). It is loaded where a template is made, so that nothing else of this package needs the SDK: the server
 * that a template is added to has it.
 */
import * as Effect from "effect/Effect"
import type { Extra } from "./sdkRequest.ts"

/** The SDK's class of the same name. */
export interface ResourceTemplate {
  readonly uriTemplate: { match(uri: string): Readonly<Record<string, string | Array<string>>> | null }
}

export interface Templates {
  readonly make: (uriTemplate: string, callbacks: Callbacks) => ResourceTemplate
}

interface Callbacks {
  readonly list: ((extra: Extra) => Promise<SdkListResult>) | undefined
  readonly complete?: Record<string, Complete>
}

type Complete = (
  value: string,
  context?: { readonly arguments?: Readonly<Record<string, string>> }
) => Promise<Array<string>>

// In the form of the protocol, which the SDK checks.
export interface SdkListResult {
  [member: string]: unknown
  resources: Array<never>
}

/** Dies with what to install. */
export const load: Effect.Effect<Templates> = Effect.matchEffect(
  // The `catch` stands at the `import`: bundlers leave the package out where it is not installed.
  Effect.tryPromise(() =>
    import("@modelcontextprotocol/sdk/server/mcp.js").catch((cause: unknown) => {
      throw cause
    })
  ),
  {
    onFailure: ({ cause }) => Effect.die(new Error(missing, { cause })),
    onSuccess: ({ ResourceTemplate }) =>
      Effect.succeed<Templates>({ make: (uriTemplate, callbacks) => new ResourceTemplate(uriTemplate, callbacks) })
  }
)

const missing =
  "EffectResource.registerTemplate needs the package @modelcontextprotocol/sdk, version 1, which cannot be loaded: " +
  "npm install @modelcontextprotocol/sdk@1"
