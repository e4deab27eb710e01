# TOCSIN_NEED(VARIABLE, MODULES, DEBIAN PACKAGE): a library that the build cannot do without.
AC_DEFUN([TOCSIN_NEED], [
PKG_CHECK_MODULES([$1], [$2], [DEPS_CFLAGS="$DEPS_CFLAGS $$1_CFLAGS" DEPS_LIBS="$DEPS_LIBS $$1_LIBS"],
	[tocsin_missing="$tocsin_missing $3"])
])

# TOCSIN_WANT(VARIABLE, MODULES, NAME, WHAT FOR): an optional library; defines HAVE_VARIABLE.
AC_DEFUN([TOCSIN_WANT], [
AC_ARG_WITH([$3], [AS_HELP_STRING([--without-$3], [do without $3 ($4)])], [], [with_$3=check])
AS_IF([test "x$with_$3" != xno], [PKG_CHECK_MODULES([$1], [$2], [
	DEPS_CFLAGS="$DEPS_CFLAGS $$1_CFLAGS" DEPS_LIBS="$DEPS_LIBS $$1_LIBS"
	AC_DEFINE([HAVE_$1], [1], [$3: $4])
	have_$1=yes
	tocsin_with="$tocsin_with $3"], [have_$1=no])], [have_$1=no])
AS_IF([test "$have_$1" = no], [
	AS_IF([test "x$with_$3" = xyes], [AC_MSG_ERROR([--with-$3 was given, but $3 is not there])])
	tocsin_without="$tocsin_without $3"])
AM_CONDITIONAL([HAVE_$1], [test "$have_$1" = yes])
])

# TOCSIN_DEPS: everything that is linked, in one place.
AC_DEFUN([TOCSIN_DEPS], [
DEPS_CFLAGS= DEPS_LIBS= tocsin_missing= tocsin_with= tocsin_without=
TOCSIN_NEED([EVENT], [libevent_core >= 2.1.11 libevent_extra libevent_pthreads libevent_openssl],
	[libevent-dev])
TOCSIN_NEED([CURL], [libcurl >= 7.85], [libcurl4-openssl-dev])
TOCSIN_NEED([JANSSON], [jansson >= 2.13], [libjansson-dev])
TOCSIN_NEED([LMDB], [lmdb >= 0.9.24], [liblmdb-dev])
TOCSIN_NEED([OPENSSL], [openssl >= 3.0], [libssl-dev])
TOCSIN_NEED([YAML], [yaml-0.1 >= 0.2], [libyaml-dev])
TOCSIN_NEED([XXHASH], [libxxhash >= 0.8], [libxxhash-dev])
TOCSIN_NEED([ZLIB], [zlib], [zlib1g-dev])
TOCSIN_NEED([ISAL], [libisal], [libisal-dev])
TOCSIN_NEED([DEFLATE], [libdeflate], [libdeflate-dev])
TOCSIN_NEED([PCRE2], [libpcre2-8 >= 10.40], [libpcre2-dev])
TOCSIN_NEED([ARGON2], [libargon2], [libargon2-dev])
TOCSIN_NEED([IDN2], [libidn2 >= 2.3], [libidn2-dev])
TOCSIN_NEED([EXPAT], [expat >= 2.4], [libexpat1-dev])
# Debian's CRoaring comes without a pkg-config file.
AC_CHECK_HEADER([roaring/roaring.h], [
	AC_CHECK_LIB([roaring], [roaring_bitmap_or_inplace], [DEPS_LIBS="$DEPS_LIBS -lroaring"],
		[tocsin_missing="$tocsin_missing libroaring-dev"])],
	[tocsin_missing="$tocsin_missing libroaring-dev"])
AS_IF([test -n "$tocsin_missing"], [AC_MSG_ERROR([missing libraries; on Debian:
	apt-get install$tocsin_missing])])
TOCSIN_WANT([ZSTD], [libzstd], [zstd], [zstd content encoding])
TOCSIN_WANT([BROTLI], [libbrotlienc libbrotlidec], [brotli], [br content encoding])
TOCSIN_WANT([GPGME], [gpgme], [gpgme], [signed and protected events])
TOCSIN_WANT([YARA], [yara >= 4.1], [yara], [YARA rules of attributes in exports])
TOCSIN_WANT([SECCOMP], [libseccomp], [seccomp], [system call filter])
DEPS_LIBS="$DEPS_LIBS -lpthread -lm"
])
