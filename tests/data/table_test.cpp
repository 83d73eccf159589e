#include "data/source/table.hpp"

#include <gmock/gmock.h>

#include "tests/data/support.hpp"

namespace gyrus {
namespace {

using test::error_of;
using test::Scratch;
using test::write_text;
using testing::HasSubstr;

TEST(Table, QuotedFieldsCarriageReturnsAndByteOrderMarksAreUnderstood) {
  const Scratch scratch;
  write_text(
      scratch / "t.csv",
      "\xEF\xBB\xBFname,\"SEX (1=m, 2=f)\",note\r\nA,1,\"said \"\"yes\"\"\"\r\n\r\nB,2,\"two\nlines\"\n");
  const auto table = Table::read(scratch / "t.csv");
  ASSERT_EQ(table.num_rows(), 2u);
  EXPECT_EQ(table.value(0, "SEX (1=m, 2=f)"), "1");
  EXPECT_EQ(table.value(0, "note"), "said \"yes\"");
  EXPECT_EQ(table.value(1, "note"), "two\nlines");
  EXPECT_EQ(table.place(1), (scratch / "t.csv").string() + " line 4");
  EXPECT_EQ(table.expand("{name}_{note}.nii", 0), "A_said \"yes\".nii");
}

TEST(Table, ARowOfAnotherLengthIsNamedByItsLine) {
  const Scratch scratch;
  write_text(scratch / "t.csv", "a,b\n1,2\n3\n");
  EXPECT_THAT(error_of<DataError>([&] { Table::read(scratch / "t.csv"); }),
              HasSubstr("line 3 has 1 fields, its header has 2"));
}

TEST(Table, LinesEndAsAnySystemEndsThem) {
  const Scratch scratch;
  write_text(scratch / "t.csv", "a,b\r1,2\r\r3,\"x\ry\"\r");
  const auto table = Table::read(scratch / "t.csv");
  ASSERT_EQ(table.num_rows(), 2u);
  EXPECT_EQ(table.value(1, "b"), "x\ry");
  EXPECT_EQ(table.place(1), (scratch / "t.csv").string() + " line 4");
}

TEST(Table, AnotherEncodingIsRefused) {
  const Scratch scratch;
  write_text(scratch / "t.csv", std::string("\xFF\xFE"
                                            "a\0,\0b\0\n\0",
                                            10));
  EXPECT_THAT(error_of<DataError>([&] { Table::read(scratch / "t.csv"); }),
              HasSubstr("t.csv is not text in UTF-8: save it as CSV in UTF-8"));
}

TEST(Table, ALineThatIsNotInUtf8IsNamed) {
  const Scratch scratch;
  for (const char* bad :
       {"M\xfcller", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    write_text(scratch / "t.csv", std::string("a,b\r\nM\xc3\xbcller,1\r\n") + bad + ",2\r\n");
    EXPECT_THAT(error_of<DataError>([&] { Table::read(scratch / "t.csv"); }),
                HasSubstr("t.csv line 3 is not text in UTF-8: save it as CSV in UTF-8"));
  }
  write_text(scratch / "t.csv", "a,b\nM\xc3\xbcller \xf0\x9f\xa7\xa0,1\n");
  EXPECT_EQ(Table::read(scratch / "t.csv").value(0, "a"), "M\xc3\xbcller \xf0\x9f\xa7\xa0");
}

TEST(Table, AQuoteInsideAFieldIsNamedByItsLine) {
  const Scratch scratch;
  const std::string advice = ": a quote inside a field: write the field in quotes and the quote twice";
  write_text(scratch / "t.csv", "a,b\nA\"x,1\nB\"y,2\n");
  EXPECT_THAT(error_of<DataError>([&] { Table::read(scratch / "t.csv"); }),
              HasSubstr("t.csv line 2" + advice));
  for (const char* row : {"\"A\"x,1\n", "\"A\" ,1\n", " \"A\",1\n"}) {
    write_text(scratch / "t.csv", std::string("a,b\n\"two\nlines\",0\n") + row);
    EXPECT_THAT(error_of<DataError>([&] { Table::read(scratch / "t.csv"); }),
                HasSubstr("t.csv line 4" + advice))
        << row;
  }
  write_text(scratch / "t.tsv", "a\tb\nA\"x\t\"1\n");  // has no quotes
  EXPECT_EQ(Table::read(scratch / "t.tsv").expand("{a} {b}", 0), "A\"x \"1");
}

TEST(Table, AColumnMayBeThereOnce) {
  const Scratch scratch;
  write_text(scratch / "t.csv", "a,b,a\n1,2,3\n");
  EXPECT_THAT(error_of<DataError>([&] { Table::read(scratch / "t.csv"); }),
              HasSubstr("t.csv has the column a twice"));
  write_text(scratch / "t.csv", "a,b,,\n1,2,,\n");
  EXPECT_EQ(Table::read(scratch / "t.csv").value(0, "b"), "2");
}

TEST(Table, AMissingOrEmptyTableIsRefused) {
  const Scratch scratch;
  EXPECT_THAT(error_of<DataError>([&] { Table::read(scratch / "no.csv"); }), HasSubstr("does not exist"));
  write_text(scratch / "t.csv", "a,b\n");
  EXPECT_THAT(error_of<DataError>([&] { Table::read(scratch / "t.csv"); }), HasSubstr("has no rows"));
}

TEST(Table, AnOpenBraceInAPatternIsAConfigurationError) {
  EXPECT_THAT(error_of<ConfigError>([] { columns_of_pattern("{subject"); }),
              HasSubstr("a brace that is not closed"));
}

}  // namespace
}  // namespace gyrus
