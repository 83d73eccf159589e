// The override grammar beyond the conformance cases: functions, ranges, spelling, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/config/decimal.hpp"
#include "launch/config/override_parser.hpp"
#include "launch/config/override_writer.hpp"

namespace gyrus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// How the jobs of a sweep spell the values of an override, or the value itself.
std::vector<std::string> spellings(const std::string& text, const std::vector<std::string>& options = {}) {
  const Override given = parse_override(text);
  if (!given.is_sweep()) return {spell_override_value(given.value())};
  std::vector<std::string> spelled;
  for (const ConfigNode& value : enumerate(given.sweep(), options))
    spelled.push_back(spell_override_value(value));
  return spelled;
}

/// kind: message
std::string error_of(const std::string& text) {
  try {
    spellings(text);
  } catch (const CompositionError& error) {
    EXPECT_EQ(error.code(), ExitCode::configuration);
    return std::string(error.kind) + ": " + error.what();
  }
  return "no error";
}

TEST(Override, RangesHaveTheDigitsOfPythonsDecimals) {
  EXPECT_THAT(spellings("a=range(0,1,0.1)"), ElementsAre("0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6",
                                                         "0.7000000000000001", "0.8", "0.9"));
  EXPECT_THAT(spellings("a=range(0.1,0.5,0.1)"), ElementsAre("0.1", "0.2", "0.30000000000000004", "0.4"));
  EXPECT_THAT(spellings("a=range(-0.5,1,0.5)"), ElementsAre("-0.5", "0.0", "0.5"));
  EXPECT_THAT(spellings("a=range(3,0,-1)"), ElementsAre("3", "2", "1"));
}

TEST(Override, DecimalsKeep28Digits) {
  Decimal sum(1e20);
  for (int i = 0; i < 3; ++i) sum = sum + Decimal(1e-9);  // below the 28th digit: half of it is rounded
  EXPECT_EQ(sum.to_double(), 1e20);
  EXPECT_FALSE(sum < Decimal(1e20));
  EXPECT_TRUE(Decimal(-2.0) + Decimal(1.5) < Decimal(0.0));
  EXPECT_FALSE(Decimal(0.5) < Decimal(0.5));
}

TEST(Override, SortedRangesAreTurnedAround) {
  EXPECT_THAT(spellings("a=sort(range(1,6,2),reverse=true)"), ElementsAre("4", "2", "0"));
  EXPECT_THAT(spellings("a=sort(range(5,1,-2))"), ElementsAre("3", "5"));
  EXPECT_THAT(spellings("a=sort(range(0,1,0.25))"), ElementsAre("0.0", "0.25", "0.5", "0.75"));
}

TEST(Override, AShuffleDependsOnItsSeedAlone) {
  const auto first = spellings("a=shuffle(range(20))");
  EXPECT_EQ(first, spellings("a=shuffle(range(20))"));
  EXPECT_NE(first, spellings("a=shuffle(range(20),seed=1)"));
  EXPECT_NE(first, spellings("a=range(20)"));
  EXPECT_THAT(first, testing::UnorderedElementsAreArray(spellings("a=range(20)")));
  EXPECT_EQ(spellings("a=shuffle(1,2,3,seed=5)"), spellings("b=shuffle(choice(1,2,3),seed=5)"));
}

TEST(Override, TypesSurviveASweep) {
  EXPECT_THAT(spellings("a=choice('1',1,'true','null','a#b')"),
              ElementsAre("'1'", "1", "'true'", "'null'", "'a#b'"));
  for (const char* text :
       {"a='1'", "a=[x,'2',[null]]", "a={k: 'v, w',n: 1.0}", "a='it\\'s'", "a='end\\\\'"}) {
    const ConfigNode value = parse_override(text).value();
    const ConfigNode again = parse_override("a=" + spell_override_value(value)).value();
    EXPECT_TRUE(same_value(value, again)) << text << " became " << spell_override_value(value);
  }
}

TEST(Override, GlobsChooseFromTheOptionsOfTheGroup) {
  EXPECT_THAT(spellings("a=glob([c*,*m],exclude=spark)", {"cddpm", "ddpm", "spark", "unet"}),
              ElementsAre("cddpm", "ddpm"));
  EXPECT_THAT(error_of("a=glob(*)"), HasSubstr("sweep_empty: glob() has no value"));
}

TEST(Override, WrongCallsSayWhatIsWrong) {
  EXPECT_THAT(error_of("a=chioce(1,2)"),
              HasSubstr("override_function: 'a=chioce(1,2)': chioce(1,2): there is "
                        "no function chioce(), did you mean choice()?"));
  EXPECT_THAT(error_of("a=int(abc)"), HasSubstr("the text 'abc' cannot become an integer"));
  EXPECT_THAT(error_of("a=float(0x1F)"), HasSubstr("the text '0x1F' cannot become a float"));
  EXPECT_THAT(error_of("a=str(null)"), HasSubstr("null cannot become text"));
  EXPECT_THAT(error_of("a=choice()"), HasSubstr("choice() is empty"));
  EXPECT_THAT(error_of("a=choice(choice(1,2))"), HasSubstr("takes values, not sweeps"));
  EXPECT_THAT(error_of("a=range(1,2,0)"), HasSubstr("goes on without end"));
  EXPECT_THAT(error_of("a=range(0,inf)"), HasSubstr("goes on without end"));
  EXPECT_THAT(error_of("a=range(0,1e9)"), HasSubstr("more than 1000000 values"));
  EXPECT_THAT(error_of("a=range(1,stop=2,stop=3)"), HasSubstr("'stop' is given twice"));
  EXPECT_THAT(error_of("a=range(1,2,3,4)"), HasSubstr("at most 3 arguments, not 4"));
  EXPECT_THAT(error_of("a=range(start=1,2)"), HasSubstr("stands behind one with a name"));
  EXPECT_THAT(error_of("a=range()"), HasSubstr("lacks its argument 'start'"));
  EXPECT_THAT(error_of("a=range(x)"), HasSubstr("a number is wanted"));
  EXPECT_THAT(error_of("a=sort(1,b)"), HasSubstr("cannot be compared"));
  EXPECT_THAT(error_of("a=sort(1,2,reverse=1)"), HasSubstr("reverse is true or false"));
  EXPECT_THAT(error_of("a=tag(x,y)"), HasSubstr("tag() ends with the sweep"));
  EXPECT_THAT(error_of("a=bool(interval(0,1))"), HasSubstr("bool() cannot cast interval()"));
  EXPECT_THAT(error_of("a=interval(0,1)"), HasSubstr("sweep_type: interval() has no values"));
  EXPECT_THAT(error_of("a=[choice(1,2)]"), HasSubstr("choice() cannot stand inside another value"));
}

TEST(Override, SyntaxErrorsNameTheirPlace) {
  EXPECT_THAT(error_of("a=b#c"),
              HasSubstr("override_syntax: 'a=b#c': # at character 4 must stand in quotes"));
  EXPECT_THAT(error_of("a=Größe"), HasSubstr("ö at character 5 must stand in quotes"));
  EXPECT_THAT(error_of("a='b"), HasSubstr("is a quote without its partner"));
  EXPECT_THAT(error_of("a=[1,]"), HasSubstr("a value is wanted, not ']' at character 6"));
  EXPECT_THAT(error_of("a=[1"), HasSubstr("',' or ']' is wanted at character 5"));
  EXPECT_THAT(error_of("a={1}"), HasSubstr("':' is wanted, not '}'"));
  EXPECT_THAT(error_of("a=${b.${c}}"), HasSubstr("needs quotes around the value"));
  EXPECT_THAT(error_of("a b=1"), HasSubstr("' ' at character 2 cannot stand in a key"));
  EXPECT_THAT(error_of("=1"), HasSubstr("cannot stand in a key"));
  EXPECT_THAT(error_of("a"), HasSubstr("has no '='"));
  EXPECT_THAT(error_of("a={null: 1}"), HasSubstr("key_type: 'a={null: 1}': null cannot be a key"));
  EXPECT_THAT(error_of("a=" + std::string(1000, '[')), HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace gyrus
