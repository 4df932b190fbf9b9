package io.flymq.client.internal;

import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** Something that waits for an answer of the native library. Its methods must neither wait nor run code of the application. */
public abstract class Pending {
  /**
   * Takes the answer in: its status and, behind that, what there is.
   *
   * @param answer the answer, to be read before this returns
   */
  protected abstract void answer(In answer);

  /** There is room for the record, which waited for that. */
  protected void admitted() {}

  /**
   * Where code of the application is to hear of the answer, by {@link #tell}.
   *
   * @return the executor; {@code null} if there is no such code
   */
  protected @Nullable Executor executor() {
    return null;
  }

  /**
   * Whether code of the application may run, and wait, when it is told.
   *
   * @return {@code false} only if nothing hangs on the answer yet
   */
  protected boolean isAwaited() {
    return true;
  }

  /** Tells the application. Called through {@link #executor}, after {@link #answer}. */
  protected void tell() {}
}
