package io.flymq.spring.boot;

/** Topics that there are NewTopic beans of. */
public class AdminProperties {
  /** Whether they are created when the application starts. */
  private boolean autoCreate = true;

  /** Default properties. */
  public AdminProperties() {}

  /** {@return the property auto-create} */
  public boolean isAutoCreate() {
    return autoCreate;
  }

  /**
   * Sets it.
   *
   * @param autoCreate the property auto-create
   */
  public void setAutoCreate(boolean autoCreate) {
    this.autoCreate = autoCreate;
  }
}
