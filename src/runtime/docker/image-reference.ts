/** A reference to an image, in the parts in which an engine wants it. */
export interface ImageReference {
  /** Complete: with tag or digest. */
  readonly text: string;
  readonly repository: string;
  /** The digest where there is one, since it says more. */
  readonly tagOrDigest: string;
}

/**
 * Completes a reference as people write it. Without a tag it means `latest`: an engine asked
 * for no tag at all would pull every one there is.
 */
export function parseImageReference(text: string): ImageReference {
  const [named = '', digest] = text.split('@', 2);
  const colon = named.lastIndexOf(':');
  // A colon before the last slash belongs to the registry's port.
  const hasTag = colon > named.lastIndexOf('/');
  const repository = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : 'latest';
  if (digest === undefined) return { text: `${repository}:${tag}`, repository, tagOrDigest: tag };
  return { text: `${repository}@${digest}`, repository, tagOrDigest: digest };
}
