/**
 * What a `WWW-Authenticate` header says of the way to a token. Its own small reader, so that a refusal does not load the SDK.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9728#section-5.1
 */

export interface ChallengeDetails {
  readonly resourceMetadataUrl?: URL
  readonly scope?: string
  readonly error?: string
}

export const parseChallenge = (header: string | undefined): ChallengeDetails => {
  if (header === undefined || !/(^|[\s,])Bearer\b/i.test(header)) return {}
  const metadata = parameter(header, "resource_metadata")
  const scope = parameter(header, "scope")
  const error = parameter(header, "error")
  return {
    ...(metadata !== undefined && URL.canParse(metadata) && { resourceMetadataUrl: new URL(metadata) }),
    ...(scope !== undefined && { scope }),
    ...(error !== undefined && { error })
  }
}

const parameter = (header: string, name: string): string | undefined => {
  const match = new RegExp(`(?:^|[\\s,])${name}=(?:"([^"]*)"|([^\\s,]+))`).exec(header)
  return match?.[1] ?? match?.[2]
}
