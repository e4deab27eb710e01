# TOCSIN_DEV: warnings, and what --enable-dev adds to them.
AC_DEFUN([TOCSIN_DEV], [
AC_ARG_ENABLE([dev], [AS_HELP_STRING([--enable-dev@<:@=KIND@:>@],
	[development build: warnings are fatal, ASan and UBSan; KIND "tsan" takes TSan instead,
	 "plain" no sanitizer])], [], [enable_dev=no])
WARN_CFLAGS="-std=c11"
for f in -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wvla \
	-Wformat=2 -Wpointer-arith -Wundef -Wwrite-strings -Wno-missing-field-initializers \
	-Werror=implicit-function-declaration -Werror=incompatible-pointer-types \
	-Werror=int-conversion -Werror=return-type; do
	TOCSIN_TRY_FLAG([$f], [WARN_CFLAGS])
done
DEV_CFLAGS= DEV_LDFLAGS= tocsin_build_kind=release tocsin_san=
AS_CASE([$enable_dev],
	[no], [],
	[yes], [tocsin_san="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
		tocsin_build_kind="development, ASan and UBSan"],
	[tsan], [tocsin_san=-fsanitize=thread tocsin_build_kind="development, TSan"],
	[plain], [tocsin_build_kind="development, no sanitizer"],
	[AC_MSG_ERROR([--enable-dev takes no value, "tsan" or "plain"])])
AS_IF([test "x$enable_dev" != xno], [
	DEV_CFLAGS="-Werror -fno-omit-frame-pointer $tocsin_san"
	DEV_LDFLAGS="$tocsin_san"
	AS_IF([test "x$ac_env_CFLAGS_set" != xset], [CFLAGS="-O1 -g"])
	AC_DEFINE([DEV_BUILD], [1], [Checks that cost time are on])])
AC_SUBST([WARN_CFLAGS])
AC_SUBST([DEV_CFLAGS])
AC_SUBST([DEV_LDFLAGS])
])
