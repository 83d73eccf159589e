// Which files of a folder are volumes, and what their names say.
#include "data/source/scan.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "data/source/rows.hpp"
#include "tests/data/support.hpp"
#include "tests/support/as_nobody.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::Scratch;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

NamedParts parts_of(const std::string& pattern, const std::string& text) {
  NamedParts parts;
  EXPECT_TRUE(match_pattern(pattern, text, parts)) << pattern << " " << text;
  return parts;
}

bool is_as(const std::string& pattern, const std::string& text) {
  NamedParts parts;
  return match_pattern(pattern, text, parts);
}

TEST(Pattern, PartsAreAsShortAsTheRestAllows) {
  EXPECT_EQ(parts_of("IXI{number}-{site}-{code}-T2.nii.gz", "IXI012-Guys-0697-T2.nii.gz"),
            (NamedParts{{"number", "012"}, {"site", "Guys"}, {"code", "0697"}}));
  EXPECT_EQ(parts_of("{a}-{b}", "x-y-z"), (NamedParts{{"a", "x"}, {"b", "y-z"}}));
  EXPECT_EQ(parts_of("{a}.nii", "a.nii.nii"), (NamedParts{{"a", "a.nii"}}));
  EXPECT_EQ(parts_of("plain", "plain"), NamedParts{});
}

TEST(Pattern, ANameThatStandsTwiceIsTheSameText) {
  EXPECT_EQ(parts_of("{s}_{s}.nii", "a_b_a_b.nii"), (NamedParts{{"s", "a_b"}}));
  EXPECT_FALSE(is_as("{s}_{s}.nii", "a_b.nii"));
}

TEST(Pattern, OtherTextsAreNotOfIt) {
  EXPECT_FALSE(is_as("{a}.nii", ".nii"));  // a part is never empty
  EXPECT_FALSE(is_as("{a}.nii", "x.nii.gz"));
  EXPECT_FALSE(is_as("{a}.nii", "x/y.nii"));
  EXPECT_FALSE(is_as("sub-{a}", "sub_01"));
  NamedParts parts = {{"a", "1"}};
  EXPECT_FALSE(match_pattern("{b}-{a}", "x-2", parts));
  EXPECT_EQ(parts, (NamedParts{{"a", "1"}}));  // as it was
}

/// Makes an empty file and its folders.
void touch(const fs::path& file) {
  fs::create_directories(file.parent_path());
  test::write_text(file, "");
}

std::vector<std::string> files_of(const Table& table) {
  std::vector<std::string> files;
  for (std::size_t row = 0; row < table.num_rows(); ++row) files.push_back(table.value(row, "file"));
  return files;
}

TEST(Scan, FindsFilesInTheOrderOfTheirNamesWithTheirParts) {
  const Scratch scratch;
  for (const char* file : {"b/b_t2.nii.gz", "a/a_t2.nii.gz", "a/a_t1.nii.gz", "c/other_t2.nii.gz",
                           "d_t2.nii.gz", "a/deeper/a/a_t2.nii.gz"})
    touch(scratch / file);
  const auto table = scan_folder(scratch.path(), "{subject}/{subject}_t2.nii.gz", "data.source.s");
  EXPECT_THAT(files_of(table), ElementsAre("a/a_t2.nii.gz", "b/b_t2.nii.gz"));
  EXPECT_EQ(table.value(1, "subject"), "b");
  EXPECT_EQ(table.place(1), "file b/b_t2.nii.gz");
}

TEST(Scan, FoldersWithoutPartsAreGoneThroughByName) {
  const Scratch scratch;
  for (const char* file :
       {"Utrecht/0/pre/FLAIR.nii.gz", "Utrecht/2/pre/FLAIR.nii.gz", "Utrecht/2/orig/FLAIR.nii.gz",
        "Singapore/50/pre/FLAIR.nii.gz", "Singapore/51/pre/T1.nii.gz"})
    touch(scratch / file);
  EXPECT_THAT(files_of(scan_folder(scratch.path(), "{site}/{number}/pre/FLAIR.nii.gz", "data.source.s")),
              ElementsAre("Singapore/50/pre/FLAIR.nii.gz", "Utrecht/0/pre/FLAIR.nii.gz",
                          "Utrecht/2/pre/FLAIR.nii.gz"));
}

TEST(Scan, NamesMayHaveSpacesQuotesBracesAndUmlauts) {
  const Scratch scratch;
  const std::vector<std::string> names = {"a b", "it's \"x\"", "Müller ä", "{subject}", "#1,2"};
  for (const auto& name : names) touch(scratch / (name + ".nii"));
  const auto table = scan_folder(scratch.path(), "{subject}.nii", "data.source.s");
  std::vector<std::string> found;
  for (std::size_t row = 0; row < table.num_rows(); ++row) found.push_back(table.expand("<{subject}>", row));
  EXPECT_THAT(found,
              testing::UnorderedElementsAre("<a b>", "<it's \"x\">", "<Müller ä>", "<{subject}>", "<#1,2>"));
}

TEST(Scan, ANameThatIsNotInUtf8IsNamedWithItsBytes) {
  const Scratch scratch;
  touch(scratch / "M\xfcller ä/brain.nii");
  touch(scratch / "a/Gr\xf6\xdf.txt");  // is no volume
  touch(scratch / "a/brain.nii");
  EXPECT_THAT(error_of<DataError>([&] { scan_folder(scratch.path(), "{s}/{f}.nii", "data.source.s"); }),
              HasSubstr("data.source.s.scan: the name 'M\\xFCller ä/brain.nii' below " +
                        scratch.path().string() + " is not in UTF-8: rename it"));
  fs::remove_all(scratch / "M\xfcller ä");
  EXPECT_THAT(files_of(scan_folder(scratch.path(), "{s}/{f}.nii", "data.source.s")),
              ElementsAre("a/brain.nii"));
}

TEST(Scan, HiddenFilesAreNotVolumes) {
  const Scratch scratch;
  touch(scratch / "a.nii");
  touch(scratch / "._a.nii");  // what macOS leaves in archives
  touch(scratch / ".cache/b.nii");
  EXPECT_THAT(files_of(scan_folder(scratch.path(), "{s}.nii", "data.source.s")), ElementsAre("a.nii"));
  EXPECT_THAT(files_of(scan_folder(scratch.path(), ".cache/{s}.nii", "data.source.s")),
              ElementsAre(".cache/b.nii"));
}

TEST(Scan, LinksThatLeadRoundInCirclesEnd) {
  const Scratch scratch;
  touch(scratch / "a/brain.nii");
  fs::create_directory_symlink(scratch.path(), scratch / "a/up");
  fs::create_symlink(scratch / "round", scratch / "round");
  EXPECT_THAT(files_of(scan_folder(scratch.path(), "{x}/{y}/{z}/brain.nii", "data.source.s")),
              ElementsAre("a/up/a/brain.nii"));
  EXPECT_THAT(
      error_of<DataError>([&] { scan_folder(scratch.path(), "round/{z}.nii", "data.source.s"); }),
      AllOf(HasSubstr("cannot list the folder "), HasSubstr("round: Too many levels of symbolic links")));
}

TEST(Scan, ALinkThatLeadsNowhereIsListedSoThatItIsNamedLater) {
  const Scratch scratch;
  fs::create_symlink("gone", scratch / "a.nii");
  fs::create_directory_symlink("gone", scratch / "b");
  EXPECT_THAT(files_of(scan_folder(scratch.path(), "{s}.nii", "data.source.s")), ElementsAre("a.nii"));
}

TEST(Scan, AFolderThatCannotBeListedIsNamed) {
  const Scratch scratch;
  touch(scratch / "a/anat");  // a file in a folder's place
  EXPECT_THAT(error_of<DataError>([&] { scan_folder(scratch.path(), "{s}/anat/{f}.nii", "data.source.s"); }),
              AllOf(HasSubstr("cannot list the folder "), HasSubstr("a/anat: Not a directory")));
}

TEST(Scan, AFolderThatMayNotBeReadIsNamed) {
  const Scratch scratch;
  fs::create_directories(scratch / "closed");
  fs::permissions(scratch / "closed", fs::perms::none);
  const test::AsNobody other_user;
  EXPECT_THAT(error_of<DataError>([&] { scan_folder(scratch.path(), "closed/{f}.nii", "data.source.s"); }),
              HasSubstr("closed: Permission denied"));
}

TEST(Scan, NoFileAtAllIsAnError) {
  const Scratch scratch;
  touch(scratch / "a.nii");
  EXPECT_EQ(error_of<DataError>([&] { scan_folder(scratch.path(), "{s}/{s}.nii.gz", "data.source.s"); }),
            "data.source.s.scan: no file below " + scratch.path().string() + " is as '{s}/{s}.nii.gz'");
  EXPECT_THROW(scan_folder(scratch.path(), "absent/{s}.nii", "data.source.s"), DataError);
}

TEST(Table, AQuoteThatIsNotClosedIsNamedWithItsLine) {
  const Scratch scratch;
  test::write_text(scratch / "t.csv", "subject,site\nS0,HH\nS1,\"Guys\nS2,HH\nS3,HH\n");
  EXPECT_THAT(error_of<DataError>([&] { Table::read(scratch / "t.csv"); }),
              HasSubstr("t.csv line 3: a quote is opened and not closed"));
}

TEST(Table, WhatIsNoFileIsRefused) {
  const Scratch scratch;
  ASSERT_EQ(::mkfifo((scratch / "t.csv").c_str(), 0600), 0);
  EXPECT_THAT(error_of<DataError>([&] { Table::read(scratch / "t.csv"); }), HasSubstr("t.csv is not a file"));
}

TEST(Table, TabsSeparateTheFieldsOfATsvFileAndQuotesAreText) {
  const Scratch scratch;
  test::write_text(scratch / "participants.tsv",
                   "participant_id\tage\tnote\nsub-01\t31\t5\" cut, left\nsub-02\tn/a\tx\n");
  const auto table = Table::read(scratch / "participants.tsv");
  EXPECT_EQ(table.value(0, "note"), "5\" cut, left");
  EXPECT_EQ(table.value(1, "age"), "");
}

/// A source of scanned files with a table to join.
class Rows : public testing::Test {
 protected:
  Rows() {
    source_.folder = scratch_.path().string();
    source_.scan = "IXI{number}-{site}.nii";
    source_.join = "ages.csv";
    source_.join_key = "{number}";
    touch(scratch_ / "IXI002-Guys.nii");
    touch(scratch_ / "IXI013-HH.nii");
    write_ages("ID,AGE,site\n2,35.8,elsewhere\n13,46.7,elsewhere\n");
  }
  void write_ages(const std::string& text) { test::write_text(scratch_ / "ages.csv", text); }
  Table rows(const std::string& modality = "") { return rows_of(source_, modality, "data.source.s"); }
  std::string error() {
    return error_of<DataError>([&] { rows(); });
  }
  Scratch scratch_;
  SourceOptions source_;
};

TEST_F(Rows, JoinedColumnsFollowTheKeyAndNumbersAreEqualAsNumbers) {
  const auto table = rows();
  EXPECT_EQ(table.expand("{number} {AGE} {site}", 0), "002 35.8 Guys");  // the source's own columns win
  EXPECT_EQ(table.expand("{number} {AGE} {site}", 1), "013 46.7 HH");
}

TEST_F(Rows, ARowThatTheJoinedTableLacksIsKeptDroppedOrAnError) {
  write_ages("ID,AGE\n13,46.7\n");
  EXPECT_EQ(rows().expand("{number}:{AGE}", 0), "002:");
  source_.join_missing = "drop";
  EXPECT_EQ(rows().num_rows(), 1u);
  EXPECT_EQ(rows().expand("{number}:{AGE}", 0), "013:46.7");
  source_.join_missing = "fail";
  EXPECT_THAT(error(), HasSubstr("ages.csv has no row with ID '002' for file IXI002-Guys.nii"));
}

TEST_F(Rows, AJoinWithoutAnyMatchIsAnErrorInEveryCase) {
  source_.join_key = "IXI{number}";
  EXPECT_THAT(error(), HasSubstr("has no row with ID 'IXI002' for file IXI002-Guys.nii, nor for 1 others"));
}

TEST_F(Rows, OfSeveralRowsWithOneKeyTheFirstCountsAndDifferencesAreSaid) {
  source_.age = "{AGE}";
  write_ages("ID,AGE,HEIGHT\n2,35.8,170\n2,36.9,170\n13,46.7,180\n13,46.7,181\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(rows().value(0, "AGE"), "35.8");
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said,
              HasSubstr("several rows with different AGE for 1 of its ID, the first of each counts: 2"));
}

TEST_F(Rows, AMissingJoinColumnIsNamed) {
  source_.join_column = "IXI_ID";
  EXPECT_THAT(error(),
              HasSubstr("lacks the columns IXI_ID that data.source.s.join_column needs; it has: ID"));
}

TEST_F(Rows, TheModalityIsFilledInInBothCases) {
  touch(scratch_ / "a-T2_t2.nii");
  source_.join = "";
  source_.scan = "{s}-{MODALITY}_{modality}.nii";
  const auto table = rows("t2");
  ASSERT_EQ(table.num_rows(), 1u);
  EXPECT_EQ(table.expand("{s}.{modality}.{MODALITY}", 0), "a.t2.T2");
}

TEST_F(Rows, APatternTakesATextOfTheTableApart) {
  source_ = {};
  source_.folder = scratch_.path().string();
  source_.table = "list.csv";
  source_.extract_from = "{path}";
  source_.extract = "/{part}/t1/{name}_t1.nii";
  test::write_text(scratch_ / "list.csv", "old,path\nown,/Train/t1/A_t1.nii\nown,/Test/t1/B_t1.nii\n");
  EXPECT_EQ(rows().expand("{part} {name}", 1), "Test B");
  test::write_text(scratch_ / "list.csv", "old,path\nown,/Train/t1/A_t1.nii\nown,/Test/t2/B_t1.nii\n");
  EXPECT_THAT(error(),
              HasSubstr("list.csv line 3: '/Test/t2/B_t1.nii' is not as data.source.s.extract='/{part}"));
  test::write_text(scratch_ / "list.csv", "part,path\nown,/Train/t1/A_t1.nii\n");
  EXPECT_THAT(error(), HasSubstr("data.source.s.extract has the part {part}, which table"));
}

}  // namespace
}  // namespace gyrus
