package io.flymq.spring;

import java.io.InputStream;
import java.io.OutputStream;
import java.security.Key;
import java.security.KeyStoreSpi;
import java.security.cert.Certificate;
import java.util.Collections;
import java.util.Date;
import java.util.Enumeration;
import java.util.List;

/** A key store with one key, as a hardware module has it. */
final class HiddenStore extends KeyStoreSpi {
  private static final String ALIAS = "hidden";

  private final Key key;
  private final Certificate certificate;

  HiddenStore(Key key, Certificate certificate) {
    this.key = key;
    this.certificate = certificate;
  }

  @Override
  public Key engineGetKey(String alias, char[] password) {
    return key;
  }

  @Override
  public Certificate[] engineGetCertificateChain(String alias) {
    return new Certificate[] {certificate};
  }

  @Override
  public Certificate engineGetCertificate(String alias) {
    return certificate;
  }

  @Override
  public Date engineGetCreationDate(String alias) {
    return new Date(0);
  }

  @Override
  public void engineSetKeyEntry(String alias, Key key, char[] password, Certificate[] chain) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void engineSetKeyEntry(String alias, byte[] key, Certificate[] chain) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void engineSetCertificateEntry(String alias, Certificate certificate) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void engineDeleteEntry(String alias) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Enumeration<String> engineAliases() {
    return Collections.enumeration(List.of(ALIAS));
  }

  @Override
  public boolean engineContainsAlias(String alias) {
    return alias.equals(ALIAS);
  }

  @Override
  public int engineSize() {
    return 1;
  }

  @Override
  public boolean engineIsKeyEntry(String alias) {
    return true;
  }

  @Override
  public boolean engineIsCertificateEntry(String alias) {
    return false;
  }

  @Override
  public String engineGetCertificateAlias(Certificate certificate) {
    return ALIAS;
  }

  @Override
  public void engineStore(OutputStream stream, char[] password) {}

  @Override
  public void engineLoad(InputStream stream, char[] password) {}
}
